"""Upstreams that send nonsense, too much, too little, at the wrong time, or nothing at all: the client gets
502 or 504, or an answer that is seen to be broken off, and never a byte that belongs to somebody else."""
import os
import signal
import socket
import subprocess
import sys
import threading
import unittest

from tests.support.http import Wire
from tests.support.proxied import GET, ProxyCase
from tests.support.stub_upstream import answer, chunked
from tests.support.wait import DEADLINE

SECRET = b"must-not-be-seen"
OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"

# Answers whose head cannot be taken for one: the client gets 502.
NONSENSE = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\n" + EMPTY,
    "HTTP/0.9": b"<html>" + SECRET,
    "a status of two digits": b"HTTP/1.1 20 OK\r\n" + EMPTY,
    "a status of four digits": b"HTTP/1.1 2000 OK\r\n" + EMPTY,
    "status 600": b"HTTP/1.1 600 OK\r\n" + EMPTY,
    "status 099": b"HTTP/1.1 099 OK\r\n" + EMPTY,
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "bare CR": OK + b"A: b\rSet-Cookie: " + SECRET + b"\r\n" + EMPTY,
    "NUL": OK + b"A: b\0\r\n" + EMPTY,
    "a folded line": OK + b"A: b\r\n c\r\n" + EMPTY,
    "a blank before the colon": OK + b"Content-Length : 0\r\n\r\n",
    "no colon": OK + SECRET + b"\r\n" + EMPTY,
    "both framings": OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 16\r\nContent-Length: 0\r\n\r\n" + SECRET,
    "a list of lengths": OK + b"Content-Length: 16, 16\r\n\r\n" + SECRET,
    "a length with a sign": OK + b"Content-Length: -1\r\n\r\n",
    "a length of letters": OK + b"Content-Length: 0x10\r\n\r\n" + SECRET,
    "a length of more than 64 bits": OK + b"Content-Length: 18446744073709551616\r\n\r\n",
    "gzip and chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked and gzip": OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "101 that nobody wanted":
        b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + SECRET,
    "an endless head": OK + b"A: " + b"b" * 200_000,
    "endless fields": OK + b"A: b\r\n" * 2000 + EMPTY,
    "a flood of 1xx": b"HTTP/1.1 103 Wait\r\nLink: <a>\r\n\r\n" * 2000 + OK + EMPTY,
    "1xx with content": b"HTTP/1.1 100 Go\r\nContent-Length: 1\r\n\r\nx" + OK + EMPTY,
    "half a head, and the end": OK + b"Content-Le",
    "nothing, and the end": b"",
}

# Answers whose head is good, in two parts: the client has got the first ("abc" at its end) before the
# second is sent.
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc"
BROKEN_OFF = {
    "shorter than it says": (OK + b"Content-Length: 9\r\n\r\nabc", b"def"),
    "chunks without an end": (CHUNKS, b"\r\n"),
    "half a chunk": (CHUNKS, b"\r\n9\r\nabc"),
    "a chunk size that is none": (CHUNKS, b"\r\n0x0\r\n\r\n"),
    "bare LF behind a chunk size": (CHUNKS, b"\r\n0\n\n"),
    "a chunk that is longer than it says": (CHUNKS, b"def\r\n0\r\n\r\n"),
    "a trailer that is none": (CHUNKS, b"\r\n0\r\nA b\r\n\r\n"),
    "a reset": (CHUNKS, None),
}

# Good answers with more behind them, which nobody must see: (bytes, method, content).
EXTRA = OK + b"Content-Length: 16\r\n\r\n" + SECRET
MORE = {
    "a second answer": (answer(b"abc") + EXTRA, "GET", b"abc"),
    "bytes behind the length": (answer(b"abc") + SECRET, "GET", b"abc"),
    "bytes behind the last chunk":
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"abc") + EXTRA, "GET", b"abc"),
    "content of a HEAD": (OK + b"Content-Length: 16\r\n\r\n" + SECRET, "HEAD", b""),
    "content of a 204": (b"HTTP/1.1 204 A\r\nContent-Length: 16\r\n\r\n" + SECRET, "GET", b""),
    "content of a 304": (b"HTTP/1.1 304 A\r\nContent-Length: 16\r\n\r\n" + SECRET, "GET", b""),
    "chunks of a 204":
        (b"HTTP/1.1 204 A\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(SECRET), "GET", b""),
}


def read_until_end(wire):
    """(all bytes until the server closes or resets, whether it was a reset)."""
    received = b""
    try:
        while data := wire.socket.recv(1 << 16):
            received += data
    except ConnectionResetError:
        return received, True
    return received, False


def read_to_end(wire):
    """The bytes alone."""
    return read_until_end(wire)[0]


class BadUpstreams(ProxyCase):
    """Never ejected, so that each is judged by itself."""

    def proxy(self, *upstreams, pool="", **options):
        return super().proxy(*upstreams, pool=f"eject_failures = 0\n{pool}", **options)

    def scripted(self):
        """(upstream, script): for a target that is in `script`, its bytes and the end are the answer."""
        script = {}

        def handler(peer, call):
            name = call.target.removeprefix("/").replace("%20", " ")
            if name not in script:
                peer.send(answer(call.target.encode()))
                return
            try:
                peer.send(script[name])
            except ConnectionError:
                return  # as soon as the proxy has seen enough
            peer.finish()
        return self.upstream(handler), script

    def test_nonsense_is_502(self):
        """And the client's connection goes on with the next request."""
        upstream, script = self.scripted()
        daemon = self.proxy(upstream)
        for name, data in NONSENSE.items():
            with self.subTest(name), Wire(daemon.address("web")) as wire:
                script[name] = data
                # POST: never sent twice.
                got = wire.ask(f"POST /{name.replace(' ', '%20')} HTTP/1.1\r\nHost: a\r\n"
                               "Content-Length: 0\r\n\r\n")
                while got.status == 103:
                    got = wire.receive()
                self.assertEqual(got.status, 502)
                self.assertNotIn(SECRET, got.body)
                self.assertEqual(wire.ask(GET.format("/next")).body, b"/next")
        self.assertEqual(len(upstream.calls), 2 * len(NONSENSE), "none was asked twice")

    def test_what_is_broken_off_is_seen_to_be(self):
        """No end of the chunks, no whole length: the connection ends."""
        def handler(peer, call):
            first, second = BROKEN_OFF[call.target.removeprefix("/").replace("%20", " ")]
            peer.send(first)
            proceed.wait(DEADLINE)
            if second is None:
                peer.reset()
            else:
                peer.send(second)
                peer.finish()
        upstream = self.upstream(handler)
        daemon = self.proxy(upstream)
        for name in BROKEN_OFF:
            for version in ("1.1", "1.0"):
                with self.subTest(f"{name} to HTTP/{version}"), Wire(daemon.address("web")) as wire:
                    proceed = threading.Event()
                    wire.send(f"GET /{name.replace(' ', '%20')} HTTP/{version}\r\nHost: a\r\n"
                              "Connection: keep-alive\r\n\r\n")
                    received = b""
                    while b"abc" not in received:
                        received += wire.socket.recv(1 << 16)
                    self.assertTrue(received.startswith(b"HTTP/1.1 200 OK\r\n"), received)
                    proceed.set()
                    rest, was_reset = read_until_end(wire)
                    self.assertFalse((received + rest).endswith(b"0\r\n\r\n"), received + rest)
                    if b"Content-Length" not in received and version == "1.0":
                        self.assertTrue(was_reset, "an end would be the end of the content")

    def test_what_comes_behind_an_answer_is_nobodys(self):
        """The next client gets its own answer, on another connection."""
        upstream, script = self.scripted()
        daemon = self.proxy(upstream)
        for name, (data, method, content) in MORE.items():
            with self.subTest(name), Wire(daemon.address("web")) as wire:
                script[name] = data
                got = wire.ask(f"{method} /{name.replace(' ', '%20')} HTTP/1.1\r\nHost: a\r\n\r\n",
                               method=method)
                self.assertEqual(got.body, content)
                for target in ("/one", "/two"):
                    self.assertEqual(wire.ask(GET.format(target)).body, target.encode())
                    self.assertEqual(self.get(daemon, target).body, target.encode())

    def test_an_answer_that_nobody_asked_for(self):
        """It comes on an idle connection: that one is of no use any more."""
        idle = []

        def handler(peer, call):
            idle.append(peer)  # first: the answer is what the test waits for
            peer.send(answer(call.target.encode()))
        upstream = self.upstream(handler)
        daemon = self.proxy(upstream)
        self.assertEqual(self.get(daemon, "/one").body, b"/one")
        idle[0].send(EXTRA)
        upstream.wait_ended(0)
        self.assertEqual(self.get(daemon, "/two").body, b"/two")

    def test_until_the_close(self):
        """An answer without a length ends with its connection. Clients that know chunks get these, or a
        length where the end was there as soon as the head."""
        upstream, script = self.scripted()
        daemon = self.proxy(upstream)
        script["x"] = OK + b"\r\nabc"
        wire = self.wire(daemon)
        got = wire.ask(GET.format("/x"))
        self.assertEqual(got.body, b"abc")
        self.assertIn((got.headers["Transfer-Encoding"], got.headers["Content-Length"]),
                      [("chunked", None), (None, "3")])
        self.assertEqual(wire.ask(GET.format("/next")).body, b"/next")
        with Wire(daemon.address("web")) as old:
            old.send("GET /x HTTP/1.0\r\n\r\n")
            received = read_to_end(old)
        self.assertTrue(received.endswith(b"\r\n\r\nabc"), received)

    def test_an_http10_upstream(self):
        """As python -m http.server is: no keep-alive, no length."""
        upstream = self.upstream(lambda peer, call: (
            peer.send(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nabc"), peer.finish()))
        wire = self.wire(self.proxy(upstream))
        for _ in range(3):
            self.assertEqual(wire.ask(GET.format("/")).body, b"abc")

    def test_interim_answers(self):
        """103 goes through, 100 has nobody who waits for it; HTTP/1.0 gets neither."""
        upstream = self.upstream(lambda peer, call: peer.send(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" + answer(b"x")))
        daemon = self.proxy(upstream)
        with Wire(daemon.address("web")) as wire:
            wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            received = read_to_end(wire)
        self.assertIn(b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n", received)
        with Wire(daemon.address("web")) as wire:
            wire.send("GET / HTTP/1.0\r\n\r\n")
            self.assertTrue(read_to_end(wire).startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_byte_by_byte(self):
        """An answer in trickles comes whole; in its middle, somebody else gets theirs."""
        whole = {"/length": answer(b"slow", "A: b"),
                 "/chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"sl", b"ow")}

        def handler(peer, call):
            if call.target == "/fast":
                peer.send(answer(b"fast"))
                return
            peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = whole[call.target]
            for index in range(len(data)):
                peer.send(data[index:index + 1])
                if index == len(data) - 8:
                    in_the_middle.set()
                    proceed.wait(DEADLINE)
        daemon = self.proxy(self.upstream(handler))
        for target in whole:
            in_the_middle, proceed = threading.Event(), threading.Event()
            with Wire(daemon.address("web")) as wire:
                wire.send(GET.format(target))
                self.assertTrue(in_the_middle.wait(DEADLINE))
                self.assertEqual(self.get(daemon, "/fast").body, b"fast")
                proceed.set()
                self.assertEqual(wire.receive().body, b"slow")

    def test_silence_is_504(self):
        """After request_timeout; the upstream's connection is closed, and not used again."""
        upstream = self.upstream(lambda peer, call: peer.wait_end() if call.target == "/hang"
                                 else peer.send(answer(b"x")))
        daemon = self.proxy(upstream, pool='request_timeout = "500ms"')
        wire = self.wire(daemon)
        self.assertEqual(wire.ask(GET.format("/hang")).status, 504)
        upstream.wait_ended(0)
        self.assertEqual(wire.ask(GET.format("/x")).body, b"x")
        self.assertEqual(upstream.targets(), ["/hang", "/x"], "a time-out is not tried again")

    def test_silence_in_the_middle_of_an_answer(self):
        """The answer is broken off; what had come was not lost."""
        def handler(peer, call):
            peer.send(OK + b"Content-Length: 9\r\n\r\nabc")
            peer.wait_end()
        upstream = self.upstream(handler)
        daemon = self.proxy(upstream, pool='request_timeout = "500ms"')
        with Wire(daemon.address("web")) as wire:
            wire.send(GET.format("/"))
            self.assertTrue(read_to_end(wire).endswith(b"\r\n\r\nabc"))
        upstream.wait_ended(0)

    def test_one_that_never_reads(self):
        """It takes no content: 504, and what the client sends then is dropped, not kept waiting."""
        done = threading.Event()
        self.addCleanup(done.set)
        upstream = self.upstream(conduct=lambda peer: done.wait(DEADLINE))
        daemon = self.proxy(upstream, pool='request_timeout = "500ms"\nmax_body_size = "1GiB"')
        wire = self.wire(daemon, timeout=60)
        wire.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(100):
            wire.send(b"x" * 1_000_000)
        self.assertEqual(wire.receive().status, 504)

    def test_an_answer_before_the_content_is_read(self):
        """413 and the end, while the client still sends: it gets that answer."""
        def conduct(peer):
            peer.read_head()
            peer.send(answer(b"too much", status=413, reason=b"No", close=True))
            peer.finish()
        upstream = self.upstream(conduct=conduct)
        daemon = self.proxy(upstream)
        with Wire(daemon.address("web")) as wire:
            wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + "x" * 1000)
            got = wire.receive()
            self.assertEqual((got.status, got.body), (413, b"too much"))

    def test_a_client_that_leaves_is_told_upstream(self):
        """Its request is abandoned: the upstream's connection ends."""
        upstream = self.upstream(lambda peer, call: peer.wait_end())
        daemon = self.proxy(upstream)
        with Wire(daemon.address("web")) as wire:
            wire.send(GET.format("/"))
            upstream.wait_calls(1)
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        upstream.wait_ended(0)

    def test_a_client_that_leaves_in_the_answer_is_told_upstream(self):
        """In the middle of an endless one."""
        def handler(peer, call):
            peer.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
            while True:
                peer.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        upstream = self.upstream(handler)
        daemon = self.proxy(upstream)
        with Wire(daemon.address("web")) as wire:
            wire.send(GET.format("/"))
            wire.socket.recv(100000)
        upstream.wait_ended(0)

    def test_a_crash_in_the_middle_is_502_at_once(self):
        """kill -9 while a request is under way; request_timeout would be 30 s."""
        program = ("import socket, sys\n"
                   "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
                   "print(s.getsockname()[1], flush=True)\n"
                   "c, _ = s.accept(); c.recv(1000); print('asked', flush=True); c.recv(1000)\n"
                   "s.accept()[0].recv(1)\n")
        crashing = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        self.addCleanup(crashing.stdout.close)
        self.addCleanup(crashing.wait)
        self.addCleanup(crashing.kill)
        port = crashing.stdout.readline().strip()

        class There:  # pylint: disable=too-few-public-methods
            address = f"127.0.0.1:{port}"
        daemon = self.proxy(There)
        wire = self.wire(daemon, timeout=20)
        wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(crashing.stdout.readline(), "asked\n")
        os.kill(crashing.pid, signal.SIGKILL)
        self.assertEqual(wire.receive().status, 502)
        self.assertEqual(wire.ask(GET.format("/")).status, 502, "and nobody is there")

    def test_nobody_there(self):
        """A refused connection is 502, for every method."""
        upstream = self.upstream()
        upstream.refuse()
        daemon = self.proxy(upstream)
        wire = self.wire(daemon)
        for method in ("GET", "POST", "DELETE"):
            got = wire.ask(f"{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            self.assertIn(got.status, (502, 503))

    def test_fields_of_the_answer(self):
        """Those of the connection stay here; all others come as they were, with ours where there are none."""
        upstream = self.upstream(lambda peer, call: peer.send(
            b"HTTP/1.1 299 Odd reason\r\nSet-Cookie: a=b\r\nConnection: keep-alive, X-Drop\r\n"
            b"X-Drop: 1\r\nKeep-Alive: timeout=5\r\nset-cookie: c=d\r\nProxy-Authenticate: Basic\r\n"
            b"Upgrade: h2c\r\nContent-Length: 1\r\n\r\nx"))
        daemon = self.proxy(upstream, route=', headers = { X-Frame-Options = "DENY" }')
        with Wire(daemon.address("web")) as wire:
            wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            lines = read_to_end(wire).split(b"\r\n")
        self.assertEqual(lines[:3], [b"HTTP/1.1 299 Odd reason", b"Set-Cookie: a=b", b"set-cookie: c=d"])
        self.assertTrue(lines[3].startswith(b"Date: "), lines)
        self.assertEqual(sorted(lines[4:-2]), [b"Connection: close", b"Content-Length: 1",
                                               b"Via: 1.1 sockherd", b"X-Frame-Options: DENY"])


if __name__ == "__main__":
    unittest.main()
