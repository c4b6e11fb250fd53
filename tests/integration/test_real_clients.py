"""Clients that others have written: curl, Node.js, Python and a browser, each in the ways that it has of
its own. One that is not installed fails its tests: ./dev test installs it."""
import gzip
import http.client
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
import urllib.request

from tests.support.case import SharedDaemonCase
from tests.support.daemon import basic_config
from tests.support.metrics import scrape

TEXT = b"".join(b"line %06d of a file that is served\n" % number for number in range(20000))
BODY = bytes(range(256)) * 2000
MODIFIED = 1_700_000_000


class RealClients(SharedDaemonCase):
    """One daemon with files and the demo; two workers, so that connections go to either."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(
            tempfile.TemporaryDirectory(prefix="sh-real-", dir="/tmp")))
        cls.folder.chmod(0o755)
        www = cls.folder / "www"
        www.mkdir()
        (www / "text.txt").write_bytes(TEXT)
        os.utime(www / "text.txt", (MODIFIED, MODIFIED))
        routes = f'{{ path = "/files/", files = "{www}" }}, {{ path = "/", module = "demo" }}'
        cls.config = basic_config().replace('{ path = "/", module = "demo" }', routes)
        super().setUpClass()
        cls.base = f"http://{cls.daemon.address('web')}"
        cls.file = f"{cls.base}/files/text.txt"

    def run_program(self, *command, environment=(), timeout=60, status=0):
        """Its output, (stdout, stderr); fails with that where it ends with another status."""
        without_proxy = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL, env={**without_proxy, **dict(environment)})
        errors = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, f"{command}\n{errors}\n{self.daemon.log()}")
        return done.stdout, errors

    def path(self, name, content=None):
        """Of a scratch file."""
        path = self.folder / name
        if content is not None:
            path.write_bytes(content)
        return str(path)


class Curl(RealClients):
    """Its options, and what -v says of the exchange."""

    def curl(self, *arguments, status=0):
        """(body, {what}) where what are curl's own variables, and "said" its -v."""
        body, errors = self.run_program("curl", "-sSv", "--http1.1", "--noproxy", "*",
                                        "-w", "%{stderr}\n#json#%{json}", *arguments, status=status)
        said, _, variables = errors.rpartition("#json#")
        return body, {**json.JSONDecoder().raw_decode(variables)[0], "said": said}

    def test_a_chunked_upload(self):
        """The body comes back as it was sent."""
        body, facts = self.curl("-H", "Transfer-Encoding: chunked", "--data-binary",
                                "@" + self.path("body", BODY), f"{self.base}/echo")
        self.assertEqual((facts["response_code"], body), (200, BODY))
        self.assertNotIn("> Content-Length", facts["said"])

    def test_an_upload_that_waits_for_leave(self):
        """Expect: 100-continue is answered before the body is sent; one too long is never sent."""
        leave = ("-H", "Expect: 100-continue", "--expect100-timeout", "30", "--data-binary")
        body, facts = self.curl(*leave, "@" + self.path("body", BODY), f"{self.base}/echo")
        self.assertEqual((facts["response_code"], body), (200, BODY))
        self.assertIn("< HTTP/1.1 100 Continue", facts["said"])
        _, facts = self.curl(*leave, "@" + self.path("long", bytes(2 << 20)), f"{self.base}/echo")
        self.assertEqual((facts["response_code"], facts["size_upload"]), (413, 0))
        self.assertNotIn("100 Continue", facts["said"])

    def test_ranges(self):
        """From, to, the last ones, and behind the end."""
        for wanted, expected in (("5-9", TEXT[5:10]), ("699990-", TEXT[699990:]),
                                 ("-7", TEXT[-7:])):
            body, facts = self.curl("--range", wanted, self.file)
            self.assertEqual((facts["response_code"], body), (206, expected), wanted)
        _, facts = self.curl("--range", "9999999-", self.file)
        self.assertEqual(facts["response_code"], 416)

    def test_a_download_goes_on_where_it_stopped(self):
        """-C -: what is there already is not sent again."""
        half = self.path("half", TEXT[:300000])
        _, facts = self.curl("-C", "-", "-o", half, self.file)
        self.assertEqual((facts["response_code"], facts["size_download"]), (206, len(TEXT) - 300000))
        self.assertEqual(pathlib.Path(half).read_bytes(), TEXT)

    def test_several_ranges(self):
        """RFC 9110 section 14.2: both, as parts, or the whole; never something else."""
        body, facts = self.curl("--range", "0-4,10-14", self.file)
        if facts["response_code"] == 200:
            self.assertEqual(body, TEXT)
            return
        self.assertEqual(facts["response_code"], 206)
        boundary = re.search(r"multipart/byteranges; *boundary=\"?([^\"\s;]+)", facts["content_type"])
        parts = body.split(b"--" + boundary[1].encode())[1:-1]
        self.assertEqual([part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts],
                         [TEXT[0:5], TEXT[10:15]])

    def test_head(self):
        """The fields of GET, and no body that curl would wait for."""
        body, facts = self.curl("-I", self.file, f"{self.base}/plaintext")
        self.assertIn(f"Content-Length: {len(TEXT)}".encode(), body)
        self.assertEqual(facts["num_connects"], 0, "the second one on the same connection")

    def test_one_connection_for_many(self):
        """Fifty requests, one connect; errors among them do not end it."""
        urls = [f"{self.base}/{name}" for name in ("plaintext", "nowhere", "10k", "io", "cpu?n=5")] * 10
        _, facts = self.curl(*(word for url in urls for word in ("-o", "/dev/null", url)))
        self.assertEqual(facts["said"].count("Connected to "), 1)
        self.assertEqual(facts["num_connects"], 0)
        self.assertEqual(facts["said"].count("< HTTP/1.1 404"), 10)

    def test_compressed(self):
        """Whatever coding is chosen, what comes out is the file."""
        body, facts = self.curl("--compressed", self.file)
        self.assertEqual((facts["response_code"], body), (200, TEXT))
        self.assertIn("> Accept-Encoding: ", facts["said"])

    def test_what_has_not_changed_is_not_sent(self):
        """By tag and by date."""
        tag = self.path("tag")
        self.curl("--etag-save", tag, "-o", "/dev/null", self.file)
        body, facts = self.curl("--etag-compare", tag, self.file)
        self.assertEqual((facts["response_code"], body), (304, b""))
        for date, expected in (("20231115", 304), ("20231113", 200)):
            _, facts = self.curl("-z", f"{date} 00:00:00 GMT", "-o", "/dev/null", self.file)
            self.assertEqual(facts["response_code"], expected, date)
        self.path("other", b"\"other\"\n")
        body, facts = self.curl("--etag-compare", self.path("other"), self.file)
        self.assertEqual((facts["response_code"], body), (200, TEXT))

    def test_http_1_0(self):
        """It closes, without chunks."""
        body, facts = self.curl("--http1.0", self.file)
        self.assertEqual((facts["response_code"], body), (200, TEXT))

    def test_many_at_once(self):
        """--parallel: all are answered."""
        urls = [f"{self.base}/files/text.txt?{number}" for number in range(100)]
        out = [word for number, url in enumerate(urls)
               for word in ("-o", self.path(f"part{number}"), url)]
        self.curl("--parallel", "--parallel-max", "20", *out)
        for number in range(100):
            self.assertEqual(pathlib.Path(self.path(f"part{number}")).read_bytes(), TEXT, number)


NODE_AGENT = """
const http = require("http");
const base = process.env.BASE;
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const sockets = new Set();
function ask(path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(base + path, { agent, method: body ? "POST" : "GET" }, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("end", () => resolve([answer.statusCode, Buffer.concat(pieces)]));
    });
    request.on("socket", (socket) => sockets.add(socket));
    request.on("error", reject);
    if (body) request.write(body);   // without a length: chunked
    request.end();
  });
}
(async () => {
  const body = Buffer.alloc(100000, "x");
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) =>
      i % 2 ? ask("/plaintext") : ask("/echo", body)));
  const right = answers.filter(([status, got], i) => status === 200 &&
      got.equals(i % 2 ? Buffer.from("Hello, World!") : body)).length;
  agent.destroy();
  console.log(JSON.stringify({ right, sockets: sockets.size }));
})();
"""
NODE_FETCH = """
const base = process.env.BASE;
(async () => {
  const found = {};
  found.whoami = (await (await fetch(base + "/whoami")).json()).pool;
  const part = await fetch(base + "/files/text.txt", { headers: { Range: "bytes=5-9" } });
  found.part = [part.status, await part.text()];
  const whole = await fetch(base + "/files/text.txt");
  found.whole = (await whole.text()).length;
  const tag = whole.headers.get("etag");
  found.unchanged = (await fetch(base + "/files/text.txt",
                                 { headers: { "If-None-Match": tag } })).status;
  async function* pieces() { for (let i = 0; i < 50; ++i) yield new Uint8Array(10000).fill(97); }
  const echoed = await fetch(base + "/echo",
                             { method: "POST", body: ReadableStream.from(pieces()), duplex: "half" });
  found.echoed = (await echoed.text()).length;
  const head = await fetch(base + "/files/text.txt", { method: "HEAD" });
  found.head = [head.status, Number(head.headers.get("content-length")), (await head.text()).length];
  found.options = (await fetch(base + "/echo", { method: "OPTIONS" })).headers.get("allow");
  const cut = new AbortController();
  const slow = fetch(base + "/io?ms=10000", { signal: cut.signal });
  setTimeout(() => cut.abort(), 100);
  found.aborted = await slow.catch((error) => error.name);
  found.after = (await fetch(base + "/plaintext")).status;
  console.log(JSON.stringify(found));
})();
"""


class Node(RealClients):
    """Its own client with an agent, and fetch (undici): two parsers, neither of which forgives."""

    def node(self, script):
        """What the script prints as JSON."""
        output, _ = self.run_program("node", "-e", script, environment={"BASE": self.base})
        return json.loads(output)

    def test_an_agent_keeps_its_connections(self):
        """Two hundred requests, half of them chunked uploads, on four connections."""
        self.assertEqual(self.node(NODE_AGENT), {"right": 200, "sockets": 4})

    def test_fetch(self):
        """Ranges, tags, a streamed upload, HEAD, and going on after an abort."""
        self.assertEqual(self.node(NODE_FETCH), {
            "whoami": "web", "part": [206, TEXT[5:10].decode()], "whole": len(TEXT),
            "unchanged": 304, "echoed": 500000, "head": [200, len(TEXT), 0],
            "options": "POST, OPTIONS", "aborted": "AbortError", "after": 200})


class Python(RealClients):
    """http.client and urllib."""

    def test_a_connection_is_kept(self):
        """A hundred requests of all kinds on one socket."""
        connection = http.client.HTTPConnection(self.daemon.address("web"), timeout=30)
        self.addCleanup(connection.close)
        connection.connect()
        first = connection.sock
        for number in range(100):
            method = ("GET", "HEAD", "POST", "GET")[number % 4]
            path = ("/plaintext", "/files/text.txt", "/echo", "/nowhere")[number % 4]
            body = iter([b"piece ", b"by ", b"piece"]) if method == "POST" else None
            connection.request(method, path, body, encode_chunked=True)
            answer = connection.getresponse()
            expected = (b"Hello, World!", b"", b"piece by piece")
            content = answer.read()
            self.assertEqual(answer.status, 404 if path == "/nowhere" else 200)
            if number % 4 < 3:
                self.assertEqual(content, expected[number % 4])
            self.assertIs(connection.sock, first)

    def test_urllib(self):
        """Each request asks to close."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever http_proxy says
        with opener.open(self.file, timeout=30) as answer:
            self.assertEqual(answer.read(), TEXT)
        asked = urllib.request.Request(self.file, headers={"Accept-Encoding": "gzip"})
        with opener.open(asked, timeout=30) as answer:
            content = answer.read()
            if answer.headers["Content-Encoding"] == "gzip":
                content = gzip.decompress(content)
            self.assertEqual(content, TEXT)


class Browser(RealClients):
    """Chromium, which opens connections in advance, keeps them, and says what it does not like."""

    def test_the_demo_page_in_chromium(self):
        """Its script asks who answers, and shows both workers; the console stays empty."""
        dom, errors = self.run_program(
            "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", f"--user-data-dir={self.path('profile')}", "--enable-logging=stderr",
            "--virtual-time-budget=8000", "--dump-dom", f"{self.base}/", timeout=150)
        page = dom.decode()
        self.assertIn("<h1>A service on every core</h1>", page)
        status = re.search(r'id="status"[^>]*>([^<]*)<', page)[1]
        self.assertRegex(status, r"^[12] workers? seen, 0 failed$")
        answered = [int(count) for count in re.findall(r'class="count">(\d+)<', page)]
        self.assertGreater(sum(answered), 1, page)
        self.assertEqual([line for line in errors.splitlines() if "CONSOLE" in line], [])
        rejected = scrape(self.daemon).total("sockherd_http_rejected_requests_total")
        self.assertEqual(rejected, 0)


if __name__ == "__main__":
    unittest.main()
