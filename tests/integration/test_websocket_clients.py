"""WebSocket clients that others have written: python3-websockets, node-ws and chromium, each with what it has of
its own: compression, fragments, pings, close codes. One that is not installed fails its tests: ./dev test installs
it."""
import json
import pathlib
import re
import tempfile
import unittest

from tests.integration.test_real_clients import RealClients
from tests.support.case import SharedDaemonCase
from tests.support.daemon import address_of, basic_config, tcp_listener
from tests.support.metrics import scrape

MODULES = "/usr/share/nodejs"

PYTHON = """
import asyncio, json, os, zlib
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Deflate

URL = os.environ["URL"]
SIZES = (0, 1, 125, 126, 127, 255, 256, 65535, 65536, 1 << 20)

async def pieces(text):
    for i in range(0, len(text), 1000):
        yield text[i:i + 1000]

async def echoes(**options):
    async with websockets.connect(URL, max_size=None, **options) as ws:
        right = 0
        for size in SIZES:
            text = ("größe %d " % size * size)[:size]
            await ws.send(text)
            right += await ws.recv() == text
            data = os.urandom(size)
            await ws.send(data)
            right += await ws.recv() == data
        await ws.send(pieces("a fragment " * 5000))
        right += await ws.recv() == "a fragment " * 5000
        pong = await ws.ping(b"are you there")
        await asyncio.wait_for(pong, 60)
        used = [extension.name for extension in ws.extensions]
    return [right, used, ws.close_code]

async def ended(say):
    async with websockets.connect(URL, max_size=None, compression=None) as ws:
        await say(ws)
        try:
            await asyncio.wait_for(ws.recv(), 60)
        except websockets.ConnectionClosed:
            pass
        return ws.close_code

async def main():
    found = {"plain": await echoes(compression=None), "deflate": await echoes()}
    for server in (8, 9, 12, 15):
        for client in (True, 9, 15):
            factory = Deflate(server_max_window_bits=server, client_max_window_bits=client)
            found[f"{server} {client}"] = await echoes(compression=None, extensions=[factory])
    found["long"] = await ended(lambda ws: ws.send(bytes((16 << 20) + 1)))
    found["code"] = await ended(lambda ws: ws.close(4321, "enough"))
    async with websockets.connect(URL, max_size=None, compression=None) as ws:
        await ws.send(bytes(16 << 20))
        found["longest"] = len(await ws.recv())
    print(json.dumps(found))

asyncio.run(main())
"""

NODE = """
const WebSocket = require("ws");
const url = process.env.URL;
const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20];
function echoes(perMessageDeflate) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, { perMessageDeflate, maxPayload: 1 << 26 });
    const wanted = [];
    let right = 0, pongs = 0;
    ws.on("error", reject);
    ws.on("pong", (data) => { pongs += data.toString() === "hey"; });
    ws.on("open", () => {
      for (const size of SIZES) {
        wanted.push(Buffer.alloc(size, "text "));
        ws.send(wanted.at(-1).toString());
        wanted.push(require("crypto").randomBytes(size));
        ws.send(wanted.at(-1));
      }
      ws.ping("hey");
      for (let i = 0; i < 100; ++i) ws.send("piece ", { fin: false });
      ws.send("end");
      wanted.push(Buffer.from("piece ".repeat(100) + "end"));
    });
    ws.on("message", (data) => {
      right += data.equals(wanted.shift());
      if (wanted.length === 0) ws.close(1000, "done");
    });
    ws.on("close", (code) => resolve([right, pongs, ws.extensions.split(";")[0], code]));
  });
}
function refused(options) {
  return new Promise((resolve) => {
    const ws = new WebSocket(url, options);
    ws.on("unexpected-response", (_, answer) => resolve(answer.statusCode));
    ws.on("open", () => resolve(101));
    ws.on("error", () => {});
  });
}
(async () => {
  const found = { plain: await echoes(false) };
  for (const takeover of [false, true]) {
    for (const bits of [undefined, 8, 9, 15]) {
      found[`${takeover} ${bits}`] = await echoes({
        threshold: 0, serverNoContextTakeover: takeover,
        clientNoContextTakeover: takeover || undefined,  // false would forbid it
        serverMaxWindowBits: bits, clientMaxWindowBits: bits === 8 ? undefined : bits });
    }
  }
  found.evil = await refused({ origin: "https://evil.example" });
  found.version = await refused({ protocolVersion: 8 });
  console.log(JSON.stringify(found));
  process.exit(0);
})();
"""

PAGE = """<!doctype html><title>WebSocket</title><p id="found">nothing</p>
<img id="hold" src="http://HOLD/"><script>
const found = {};
const base = location.host;
// As long as the picture is not there the page is not loaded, and the browser waits: its server never answers.
function open(path, protocols) {
  return new Promise((resolve) => {
    const ws = new WebSocket("ws://" + base + path, protocols);
    ws.binaryType = "arraybuffer";
    ws.onopen = () => resolve(ws);
    ws.onerror = () => resolve(null);
  });
}
const next = (ws) => new Promise((resolve) => { ws.onmessage = (event) => resolve(event.data); });
const closed = (ws) => new Promise((resolve) => {
  ws.onclose = (event) => resolve([event.code, event.reason, event.wasClean]); });
const show = () => {
  document.getElementById("found").textContent = JSON.stringify(found);
  document.getElementById("hold").src = "";
};
setTimeout(show, 120000);  // what there is, when something does not come
(async () => {
  const ws = await open("/ws");
  found.extensions = ws.extensions.split(";")[0];
  let answer = next(ws);
  ws.send("gr\\u00f6\\u00dfe \\ud83d\\udc11");
  found.text = await answer;
  const long = "a sheep ".repeat(50000);
  answer = next(ws);
  ws.send(long);
  found.long = (await answer) === long;
  const data = new Uint8Array(300000).map((_, i) => i * 7 + (i >> 8));
  answer = next(ws);
  ws.send(data);
  const back = new Uint8Array(await answer);
  found.binary = back.length === data.length && back.every((byte, i) => byte === data[i]);
  const end = closed(ws);
  ws.close(4001, "enough");
  found.closed = await end;
  const one = await open("/room"), two = await open("/room");
  const heard = Promise.all([next(one), next(two)]);
  one.send("to all");
  found.room = await heard;
  found.refused = (await open("/other")) === null;
})().catch((error) => { found.error = String(error); }).finally(show);
</script>
"""


class WebSocketClients(RealClients):
    """One daemon with an echo, a room and a page; two workers."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(
            tempfile.TemporaryDirectory(prefix="sh-ws-", dir="/tmp")))
        cls.folder.chmod(0o755)
        holder = cls.enterClassContext(tcp_listener())
        (cls.folder / "page.html").write_text(PAGE.replace("HOLD", address_of(holder)), encoding="utf-8")
        routes = (f'{{ path = "/ws", websocket = "echo" }}, {{ path = "/room", websocket = "room:r" }}, '
                  f'{{ path = "/other", websocket = "echo", origins = ["https://other.example"] }}, '
                  f'{{ path = "/page/", files = "{cls.folder}" }}, {{ path = "/", module = "demo" }}')
        cls.config = basic_config().replace('{ path = "/", module = "demo" }', routes)
        SharedDaemonCase.setUpClass.__func__(cls)
        cls.base = f"http://{cls.daemon.address('web')}"
        cls.url = f"ws://{cls.daemon.address('web')}/ws"

    def refusals(self):
        """Of origins."""
        return scrape(self.daemon).total("sockherd_websocket_origins_refused_total")

    def test_python_websockets(self):
        """Echoes of all sizes, plain and in every window; a message too long; a code of its own."""
        output, _ = self.run_program("/usr/bin/python3", "-c", PYTHON, environment={"URL": self.url},
                                     timeout=120)
        found = json.loads(output)
        self.assertEqual((found.pop("long"), found.pop("code"), found.pop("longest")),
                         (1009, 4321, 16 << 20))
        self.assertEqual(found.pop("plain"), [21, [], 1000])
        self.assertEqual(len(found), 13)
        for terms, echoed in found.items():
            self.assertEqual(echoed, [21, ["permessage-deflate"], 1000], terms)

    def test_node_ws(self):
        """The same from its own parser, all messages at once; and what it is refused."""
        output, _ = self.run_program("node", "-e", NODE, timeout=120,
                                     environment={"URL": self.url, "NODE_PATH": MODULES})
        found = json.loads(output)
        self.assertEqual((found.pop("evil"), found.pop("version")), (403, 426))
        self.assertEqual(found.pop("plain"), [17, 1, "", 1000])
        self.assertEqual(len(found), 8)
        for terms, echoed in found.items():
            self.assertEqual(echoed, [17, 1, "permessage-deflate", 1000], terms)

    def test_chromium(self):
        """A page talks to itself, to a room, and not to a route that is for another origin."""
        refused = self.refusals()
        dom, errors = self.run_program(
            "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", f"--user-data-dir={self.path('profile')}", "--enable-logging=stderr",
            "--dump-dom", f"{self.base}/page/page.html", timeout=150)
        text = re.search(r'id="found">([^<]*)<', dom.decode())[1]
        self.assertTrue(text.startswith("{"), f"{text}\n{errors}")
        self.assertEqual(json.loads(text), {
            "extensions": "permessage-deflate", "text": "größe 🐑", "long": True, "binary": True,
            "closed": [4001, "enough", True], "room": ["to all", "to all"], "refused": True})
        self.assertEqual(self.refusals(), refused + 1)


del RealClients  # its tests run where it stands

if __name__ == "__main__":
    unittest.main()
