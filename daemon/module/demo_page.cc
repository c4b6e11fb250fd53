#include "daemon/module/demo_page.h"

namespace sockherd::module {
namespace {

// Links are relative, so that the module works under any prefix. Each poll closes its connection:
// the next one may be taken by another worker, which is the point.
constexpr std::string_view kPage = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>sockherd is serving</title>
<style>
:root {
  --ground: #f6f7f4; --card: #ffffff; --ink: #1d2420; --soft: #56615a; --line: #d9dfd9;
  --accent: #1f6f4a; --flash: #cfeedd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #121613; --card: #1b211d; --ink: #e8eeea; --soft: #9fb0a6; --line: #2f3832;
    --accent: #6fd3a2; --flash: #1e4a35;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif;
}
main { max-width: 62rem; margin: 0 auto; padding: 3rem 1.25rem 4rem; }
h1 { font-size: clamp(1.8rem, 5vw, 2.6rem); line-height: 1.15; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
p { margin: 0 0 1rem; max-width: 44rem; }
.soft { color: var(--soft); }
code { font: .92em ui-monospace, monospace; }
a { color: var(--accent); }
a:focus-visible, button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
button, input {
  font: inherit; padding: .45rem .9rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--card); color: inherit; cursor: pointer;
}
.bar { display: flex; flex-wrap: wrap; gap: .75rem 1.25rem; align-items: center; }
ul { list-style: none; padding: 0; margin: 0; display: grid; gap: .75rem; }
#workers { grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); margin-top: 1rem; }
#workers li, #endpoints li {
  background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  padding: .9rem 1rem; transition: background-color .5s;
}
#workers li.now { background: var(--flash); transition: none; }
#heard { gap: .25rem; margin-top: .75rem; overflow-wrap: anywhere; }
#workers strong { display: block; font-size: 1.05rem; }
#workers .count { font-size: 1.9rem; font-variant-numeric: tabular-nums; line-height: 1.2; }
#workers .gone { opacity: .55; }
#endpoints { grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); }
#endpoints span { display: block; color: var(--soft); }
@media (prefers-reduced-motion: reduce) { #workers li { transition: none; } }
</style>
</head>
<body>
<main>
<h1>A service on every core</h1>
<p class="soft">This page comes from the demo module of <strong>sockherd</strong>. Every question
below opens a connection of its own, and the kernel chooses the worker that answers it. Reload,
scale or kill the workers meanwhile: the tiles change, and no answer is lost.</p>

<h2 id="live">Workers that answer</h2>
<div class="bar">
<button id="pause" type="button" aria-pressed="false">Pause</button>
<span id="status" class="soft" role="status">Asking…</span>
</div>
<ul id="workers" aria-labelledby="live"></ul>
<noscript><p>Without JavaScript, see <a href="whoami">whoami</a> and reload it.</p></noscript>

<h2 id="list">Endpoints</h2>
<ul id="endpoints" aria-labelledby="list">
<li><a href="plaintext"><code>/plaintext</code></a><span>Hello, World!</span></li>
<li><a href="whoami"><code>/whoami</code></a><span>Which worker answers, as JSON</span></li>
<li><a href="time"><code>/time</code></a><span>The time, as a greeting</span></li>
<li><a href="10k"><code>/10k</code></a><span>10 KiB of text</span></li>
<li><a href="cpu"><code>/cpu?n=27</code></a><span>A Fibonacci number, the slow way</span></li>
<li><a href="io"><code>/io?ms=5</code></a><span>Waits without holding anybody up</span></li>
<li><code>/echo</code><span>POST: what you send comes back</span></li>
<li><code>/ws</code><span>WebSocket: what you say comes back</span></li>
<li><code>/room</code><span>WebSocket: what you say, all hear</span></li>
</ul>

<h2 id="talk">A room across all workers</h2>
<p class="soft">A WebSocket to one of the workers; what you say is heard in all of them. Open this
page twice.</p>
<form id="say" class="bar" autocomplete="off">
<input id="words" maxlength="60" placeholder="Say something" aria-label="Say something" required>
<button>Say</button>
<span id="talking" class="soft" role="status">Not connected</span>
</form>
<ul id="heard" aria-labelledby="talk" aria-live="polite"></ul>
</main>
<script>
"use strict";
const list = document.getElementById("workers");
const summary = document.getElementById("status");
const button = document.getElementById("pause");
const tiles = new Map();
const kPollMs = 400, kGoneMs = 15000;
let failures = 0, paused = false;

function make_tile(who) {
  const tile = document.createElement("li");
  for (const [name, tag] of [["title", "strong"], ["count", "div"], ["facts", "div"]]) {
    const part = document.createElement(tag);
    part.className = name;
    tile.append(part);
    tile[name + "_part"] = part;
  }
  tile.facts_part.className = "soft";
  tile.title_part.textContent = `slot ${who.slot}`;
  tile.facts_part.textContent = `pid ${who.pid}, generation ${who.generation}`;
  tile.order = [who.slot, who.generation, who.pid];
  tile.answered = 0;
  const next = [...list.children].find((other) => {
    const i = tile.order.findIndex((value, at) => value !== other.order[at]);
    return i >= 0 && tile.order[i] < other.order[i];
  });
  list.insertBefore(tile, next || null);
  return tile;
}

function note(who) {
  const key = `${who.generation}/${who.pid}`;
  if (!tiles.has(key)) tiles.set(key, make_tile(who));
  const tile = tiles.get(key);
  tile.count_part.textContent = ++tile.answered;
  tile.seen = Date.now();
  tile.classList.add("now");
  setTimeout(() => tile.classList.remove("now"), 150);
}

function drop_old() {
  for (const [key, tile] of tiles) {
    const silent = Date.now() - tile.seen;
    tile.classList.toggle("gone", silent > kGoneMs / 2);
    if (silent > kGoneMs) { tile.remove(); tiles.delete(key); }
  }
}

function report() {
  const workers = `${tiles.size} worker${tiles.size === 1 ? "" : "s"}`;
  const text = `${workers} seen, ${failures} failed`;
  if (summary.textContent !== text) summary.textContent = text;
}

async function poll() {
  if (!paused && !document.hidden) {
    try {
      const answer = await fetch("whoami?close=1", { cache: "no-store" });
      note(await answer.json());
    } catch { ++failures; }
    drop_old();
    report();
  }
  setTimeout(poll, kPollMs);
}

button.addEventListener("click", () => {
  paused = !paused;
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? "Go on" : "Pause";
});
poll();

const heard = document.getElementById("heard"), talking = document.getElementById("talking");
const words = document.getElementById("words");
const kMostHeard = 8;
let room = null, roomWait = 500;
function enter() {
  const url = new URL("room", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  room = new WebSocket(url);
  room.onopen = () => { roomWait = 500; talking.textContent = "Connected"; };
  room.onmessage = (event) => {
    const line = document.createElement("li");
    line.textContent = event.data;
    heard.prepend(line);
    while (heard.children.length > kMostHeard) heard.lastChild.remove();
  };
  room.onclose = () => {
    talking.textContent = "Connecting again…";
    setTimeout(enter, roomWait * (0.5 + Math.random()));
    roomWait = Math.min(roomWait * 2, 10000);
  };
}
document.getElementById("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if (room === null || room.readyState !== WebSocket.OPEN) return;
  room.send(words.value);
  words.value = "";
});
enter();
</script>
</body>
</html>
)html";

}  // namespace

std::string_view demo_page() {
  return kPage;
}

}  // namespace sockherd::module
