"""The engine over the wire: what HTTP libraries would never send, byte by byte."""
import socket
import unittest

from tests.support.case import SharedDaemonCase
from tests.support.daemon import basic_config
from tests.support.http import Wire
from tests.support.wait import until

HOST = "Host: x\r\n"
GET = f"GET /plaintext HTTP/1.1\r\n{HOST}\r\n"
HELLO = b"Hello, World!"

REFUSED = {  # what is sent: the status it is answered with, after which the connection ends
    "no host": ("GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (f"GET / HTTP/1.1\r\n{HOST}{HOST}\r\n", 400),
    "bad request line": ("GET /\r\n\r\n", 400),
    "three blanks": (f"GET  / HTTP/1.1\r\n{HOST}\r\n", 400),
    "obsolete fold": (f"GET / HTTP/1.1\r\n{HOST}A: b\r\n c\r\n\r\n", 400),
    "blank before colon": ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "bare line feed": ("GET / HTTP/1.1\nHost: x\n\n", 400),
    "nul in a field": (f"GET / HTTP/1.1\r\n{HOST}A: \0\r\n\r\n", 400),
    "bare carriage return": (f"GET / HTTP/1.1\r\n{HOST}A: b\rc\r\n\r\n", 400),
    "length and chunked": (f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 3\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
                    400),
    "signed length": (f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: +3\r\n\r\n", 400),
    "length overflows": (f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: {10 ** 30}\r\n\r\n", 400),
    "bad chunk size": (f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
                       400),
    "chunk without end": (f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
                          "3\r\nabcd\r\n", 400),
    "raw bytes in target": (b"GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "echo without a length in 1.0": ("POST /echo HTTP/1.0\r\n\r\n", 411),
    "body over the limit": (f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 5000\r\n\r\n", 413),
    "chunks over the limit": (f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
                              f"1388\r\n{'x' * 5000}\r\n0\r\n\r\n", 413),
    "target over the limit": (f"GET /{'a' * 9000} HTTP/1.1\r\n{HOST}\r\n", 414),
    "head over the limit": (f"GET / HTTP/1.1\r\n{HOST}A: {'b' * 17000}\r\n\r\n", 431),
    "too many fields": (f"GET / HTTP/1.1\r\n{HOST}"
                        + "".join(f"A{i}: b\r\n" for i in range(200)) + "\r\n", 431),
    "unknown method": (f"BREW / HTTP/1.1\r\n{HOST}\r\n", 501),
    "unknown coding": (f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip, chunked\r\n\r\n",
                       501),
    "next major version": (f"GET / HTTP/2.0\r\n{HOST}\r\n", 505),
    "tls hello": (bytes.fromhex("16030100a5010000a10303") + b"\r\n\r\n", 400),
}


class WireCase(SharedDaemonCase):
    """What all of these need."""

    def wire(self):
        """A connection of its own."""
        wire = Wire(self.daemon.address("web"))
        self.addCleanup(wire.close)
        return wire


class HttpWire(WireCase):
    """A pool with small bodies, and all the time that there is by default."""

    config = basic_config(workers=1, pool='max_body_size = "4KiB"')

    # ---- persistence and order ----

    def test_keep_alive(self):
        """Many requests on a connection, until one says close."""
        wire = self.wire()
        for _ in range(5):
            answer = wire.ask(GET)
            self.assertEqual((answer.status, answer.body), (200, HELLO))
            self.assertNotEqual(answer.headers.get("Connection"), "close")
        answer = wire.ask(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
        self.assertEqual(answer.headers["Connection"], "close")
        self.assertTrue(wire.at_end())

    def test_http_1_0(self):
        """Closes, unless the client asks to keep it; needs no Host."""
        wire = self.wire()
        answer = wire.ask("GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        self.assertEqual((answer.body, answer.headers["Connection"].lower()), (HELLO, "keep-alive"))
        self.assertEqual(wire.ask("GET /plaintext HTTP/1.0\r\n\r\n").body, HELLO)
        self.assertTrue(wire.at_end())

    def test_pipelined_answers_come_in_order(self):
        """Also when an early one takes longer than those behind it."""
        wire = self.wire()
        paths = ["/io", "/plaintext", "/10k", "/io", "/nothing", "/plaintext"]
        wire.send("".join(f"GET {path} HTTP/1.1\r\n{HOST}\r\n" for path in paths))
        answers = [wire.receive() for _ in paths]
        self.assertEqual([answer.status for answer in answers], [200, 200, 200, 200, 404, 200])
        self.assertEqual([len(answers[1].body), len(answers[2].body)], [13, 10240])

    def test_five_hundred_pipelined(self):
        """More than any buffer holds."""
        wire = self.wire()
        wire.send(f"GET /10k HTTP/1.1\r\n{HOST}\r\n" * 500)
        self.assertEqual([len(wire.receive().body) for _ in range(500)], [10240] * 500)

    def test_request_in_single_bytes(self):
        """Split anywhere."""
        wire = self.wire()
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in GET:
            wire.send(byte)
        self.assertEqual(wire.receive().body, HELLO)

    def test_half_closed_client_still_gets_its_answer(self):
        """shutdown(SHUT_WR) says: no more requests; not: I am gone."""
        wire = self.wire()
        wire.send(GET)
        wire.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(wire.receive().body, HELLO)
        self.assertTrue(wire.at_end())

    # ---- methods and bodies ----

    def test_head_has_the_length_but_no_body(self):
        """And the next answer begins right behind the head."""
        wire = self.wire()
        answer = wire.ask(f"HEAD /10k HTTP/1.1\r\n{HOST}\r\n", "HEAD")
        self.assertEqual((answer.status, answer.headers["Content-Length"]), (200, "10240"))
        self.assertEqual(wire.ask(GET).body, HELLO)

    def test_bodies(self):
        """By length, in chunks with extensions and trailers, empty; and the next request."""
        wire = self.wire()
        post = f"POST /echo HTTP/1.1\r\n{HOST}"
        self.assertEqual(wire.ask(f"{post}Content-Length: 5\r\n\r\nhello").body, b"hello")
        chunks = "2;x=\"y\"\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n"
        self.assertEqual(wire.ask(f"{post}Transfer-Encoding: chunked\r\n\r\n{chunks}").body,
                         b"hello")
        self.assertEqual(wire.ask(f"{post}Content-Length: 0\r\n\r\n").body, b"")
        self.assertEqual(wire.ask(GET).body, HELLO)

    def test_expect_continue(self):
        """100 before the body is sent; none where the head alone is refused."""
        wire = self.wire()
        wire.send(f"POST /echo HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        self.assertEqual(wire.reader.readline(), b"HTTP/1.1 100 Continue\r\n")
        self.assertEqual(wire.reader.readline(), b"\r\n")
        self.assertEqual(wire.ask("hello").body, b"hello")
        wire.send(f"POST /echo HTTP/1.1\r\n{HOST}Expect: 100-continue\r\n"
                  "Content-Length: 99999\r\n\r\n")
        self.assertIn(b" 413 ", wire.reader.readline())

    def test_other_methods(self):
        """405 names what is allowed; OPTIONS too; 404 for what is not there."""
        wire = self.wire()
        answer = wire.ask(f"DELETE /plaintext HTTP/1.1\r\n{HOST}\r\n")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD, OPTIONS"))
        answer = wire.ask(f"GET /echo HTTP/1.1\r\n{HOST}\r\n")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST, OPTIONS"))
        answer = wire.ask(f"OPTIONS /plaintext HTTP/1.1\r\n{HOST}\r\n")
        self.assertEqual((answer.status, answer.headers["Allow"]), (204, "GET, HEAD, OPTIONS"))
        self.assertEqual(wire.ask(f"GET /nothing HTTP/1.1\r\n{HOST}\r\n").status, 404)

    # ---- refusals ----

    def test_refused_requests(self):
        """Each with its status, then the end: nobody knows where a next request would begin."""
        for name, (data, status) in REFUSED.items():
            with self.subTest(name), Wire(self.daemon.address("web")) as wire:
                answer = wire.ask(data)
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(answer.headers["Connection"], "close", answer)
                self.assertTrue(wire.at_end())

    def test_answer_to_the_good_request_before_the_bad_one(self):
        """In one packet: both are answered."""
        wire = self.wire()
        self.assertEqual(wire.ask(GET + "BAD\r\n\r\n").body, HELLO)
        self.assertEqual(wire.receive().status, 400)
        self.assertTrue(wire.at_end())

    # ---- answers ----

    def test_demo_pages(self):
        """The pages of the issue."""
        wire = self.wire()

        def get(path):
            return wire.ask(f"GET {path} HTTP/1.1\r\n{HOST}\r\n")
        self.assertTrue(get("/time").body.startswith(b"Hello world! The time is "))
        self.assertEqual(get("/cpu?n=10").body, b"fibonacci(10) = 55\n")
        self.assertEqual(get("/cpu?n=99").status, 400)
        self.assertEqual(get("/io").status, 200)
        self.assertIn("text/html", get("/").headers["Content-Type"])
        who = get("/whoami").json()
        self.assertEqual((who["pool"], who["slot"]), ("web", 0))
        self.assertEqual(who["pid"], self.daemon.workers()[0]["pid"])

    def test_date_and_absolute_form(self):
        """Every answer has a Date; a proxy's form of the target works; so does * for OPTIONS."""
        wire = self.wire()
        answer = wire.ask(f"GET http://x/plaintext HTTP/1.1\r\n{HOST}\r\n")
        self.assertEqual(answer.body, HELLO)
        self.assertRegex(answer.headers["Date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        self.assertEqual(wire.ask(f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n").status, 204)


class Deadlines(WireCase):
    """A pool with short ones, for those who let them pass."""

    config = basic_config(workers=1, pool='header_timeout = "300ms"\nbody_timeout = "300ms"')

    def test_408_for_a_head_that_does_not_end(self):
        """header_timeout counts from the first byte, and bytes do not prolong it."""
        wire = self.wire()
        self.assertEqual(wire.ask("GET / HTTP/1.1\r\nHo").status, 408)
        self.assertTrue(wire.at_end())

    def test_408_for_a_body_that_stops(self):
        """body_timeout."""
        wire = self.wire()
        wire.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: 9\r\n\r\nabc")
        self.assertEqual(wire.receive().status, 408)
        self.assertTrue(wire.at_end())


class Idle(WireCase):
    """A pool that keeps nobody for long."""

    config = basic_config(workers=1, pool='keepalive_timeout = "600ms"')

    def served(self):
        """A connection that has had an answer; None where it was taken for an idle one before we got to ask."""
        wire = self.wire()
        try:
            return wire if wire.ask(GET).body == HELLO else None
        except ConnectionError:
            return None

    def test_idle_connections_end_without_a_word(self):
        """keepalive_timeout: before the first request, and between two."""
        silent, idle = self.wire(), until(self.served, "an answer")
        self.assertTrue(idle.at_end())
        self.assertTrue(silent.at_end())


if __name__ == "__main__":
    unittest.main()
