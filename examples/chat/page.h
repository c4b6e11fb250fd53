// The page of the chat, in one piece and without anything from elsewhere.
#pragma once

#include <string_view>

inline constexpr std::string_view kPage = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>sockherd chat</title>
<style>
:root { --ground: #f6f7f4; --card: #fff; --ink: #1d2420; --soft: #56615a; --line: #d9dfd9; --accent: #1f6f4a; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #121613; --card: #1b211d; --ink: #e8eeea; --soft: #9fb0a6; --line: #2f3832; --accent: #6fd3a2; }
}
* { box-sizing: border-box; }
body { margin: 0; height: 100dvh; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 44rem; height: 100%; margin: 0 auto; padding: 1rem; display: flex; flex-direction: column; gap: .75rem; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: baseline; justify-content: space-between; }
h1 { font-size: 1.3rem; margin: 0; }
#state { color: var(--soft); }
#log { flex: 1; overflow-y: auto; margin: 0; padding: .75rem; list-style: none; background: var(--card);
  border: 1px solid var(--line); border-radius: .75rem; }
#log li { padding: .2rem 0; overflow-wrap: anywhere; }
#log b { color: var(--accent); margin-right: .5rem; }
#log time { color: var(--soft); font-size: .8rem; margin-right: .5rem; font-variant-numeric: tabular-nums; }
form { display: flex; gap: .5rem; }
input, button { font: inherit; padding: .5rem .75rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--card); color: inherit; min-width: 0; }
#text { flex: 1; }
#name { width: 9rem; }
button { background: var(--accent); color: var(--ground); border-color: var(--accent); cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
</style>
</head>
<body>
<main>
<header><h1>Chat</h1><span id="state" role="status">Not connected</span></header>
<ol id="log" aria-live="polite" aria-label="Messages" tabindex="0"></ol>
<form id="form" autocomplete="off">
<input id="name" placeholder="Your name" aria-label="Your name" maxlength="40" required>
<input id="text" placeholder="Message" aria-label="Message" maxlength="500" required>
<button>Send</button>
</form>
</main>
<script>
"use strict";
const log = document.getElementById("log"), state = document.getElementById("state");
const form = document.getElementById("form"), name_field = document.getElementById("name");
const text_field = document.getElementById("text");
const kMostLines = 200;
let socket = null, wait = 500, waiting = [];

function show(message) {
  const line = document.createElement("li"), time = document.createElement("time");
  const who = document.createElement("b"), text = document.createElement("span");
  time.textContent = new Date(message.time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  who.textContent = message.name;
  text.textContent = message.text;
  line.append(time, who, text);
  const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 30;
  log.append(line);
  while (log.children.length > kMostLines) log.firstChild.remove();
  if (follows) log.scrollTop = log.scrollHeight;
}

function connect() {
  const url = new URL("ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("name", name_field.value);
  socket = new WebSocket(url);
  socket.onopen = () => {
    wait = 500;
    log.replaceChildren();
    state.textContent = "Connected as " + name_field.value;
    for (const text of waiting.splice(0)) socket.send(text);
  };
  socket.onmessage = (event) => show(JSON.parse(event.data));
  socket.onclose = () => {
    state.textContent = "Connecting again…";
    setTimeout(connect, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, 10000);
  };
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket === null) { name_field.readOnly = true; connect(); }
  if (socket.readyState === WebSocket.OPEN) socket.send(text_field.value);
  else waiting.push(text_field.value);
  text_field.value = "";
  text_field.focus();
});
</script>
</body>
</html>
)html";
