"""What arrives behind the proxy, byte by byte: nothing that belongs to the client's connection, nothing
that a client makes up of itself, and never another number of requests than the client has sent."""
import re
import unittest

from tests.support.http import Wire
from tests.support.proxied import GET, ProxyCase, proxy_config
from tests.support.stub_upstream import answer, chunked

ID = re.compile(rb"X-Request-Id: ([0-9a-f]{32})\r\n")

# What is sent first on a connection; the status that it is refused with; or else what arrives upstream:
# (target, body), each. A GET for /next follows on the same connection: where the first was refused,
# nobody may take it for a request.
ATTACKS = {
    "both framings, length first":
        ("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n", 400, []),
    "both framings, chunked first":
        ("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
         "0\r\n\r\n", 400, []),
    "two lengths":
        ("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n", 400, []),
    "a list of lengths":
        ("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 0\r\n\r\n", 400, []),
    "a length with a sign":
        ("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n", 400, []),
    "chunked behind a vertical tab":
        ("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400, []),
    "chunked and another coding":
        ("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400,
         []),
    "chunked twice":
        ("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
         "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400, []),
    "a blank before the colon":
        ("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, []),
    "a folded line":
        ("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, []),
    "bare LF": ("GET /a HTTP/1.1\nHost: x\n\n", 400, []),
    "bare CR in a value":
        ("GET /a HTTP/1.1\r\nHost: x\r\nA: b\rTransfer-Encoding: chunked\r\n\r\n", 400, []),
    "NUL in a value": ("GET /a HTTP/1.1\r\nHost: x\r\nA: b\0\r\n\r\n", 400, []),
    "two hosts": ("GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, []),
    "chunked in HTTP/1.0":
        ("POST /a HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400, []),
    "a chunk size that others read otherwise":
        ("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n",
         400, []),
    "bare LF behind a chunk size":
        ("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\nabcde\r\n0\r\n\r\n", 400,
         []),
    "CONNECT": ("CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", 501, []),
    "a request in the content of another":
        ("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 34\r\n\r\n"
         "GET /evil HTTP/1.1\r\nHost: evil\r\n\r\n", None,
 [("/a", b"GET /evil HTTP/1.1\r\nHost: evil\r\n\r\n")]),
    "a request in the content of a GET":
        ("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 34\r\n\r\n"
         "GET /evil HTTP/1.1\r\nHost: evil\r\n\r\n", None,
 [("/a", b"GET /evil HTTP/1.1\r\nHost: evil\r\n\r\n")]),
    "a request in a chunk":
        ("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
         "1c\r\nGET /evil HTTP/1.1\r\nHost: x\r\r\n0\r\n\r\n", None,
 [("/a", b"GET /evil HTTP/1.1\r\nHost: x\r")]),
    "a request in a chunk extension":
        ('POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
         '1;a="GET /evil HTTP/1.1"\r\nz\r\n0;b=c\r\n\r\n', None, [("/a", b"z")]),
    "framing in trailers":
        ("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
         "1\r\nz\r\n0\r\nContent-Length: 50\r\nHost: evil\r\n\r\n", None, [("/a", b"z")]),
    "framing with an underscore":
        ("POST /a HTTP/1.1\r\nHost: x\r\nContent_Length: 50\r\nTransfer_Encoding: chunked\r\n"
         "Content-Length: 1\r\n\r\nz", None, [("/a", b"z")]),
    "Connection names the framing":
        ("POST /a HTTP/1.1\r\nHost: x\r\nConnection: Content-Length, Host, Via\r\n"
         "Content-Length: 1\r\n\r\nz", None, [("/a", b"z")]),
    "Connection names the chunks":
        ("POST /a HTTP/1.1\r\nHost: x\r\nConnection: Transfer-Encoding\r\n"
         "Transfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n", None, [("/a", b"z")]),
    "an upgrade to HTTP/2 in clear":
        ("GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
         "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", None, [("/a", b"")]),
    "an upgrade with content":
        ("POST /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Content-Length: 1\r\n\r\nz", None, [("/a", b"z")]),
    "two at once":
        (GET.format("/a") + GET.format("/b"), None, [("/a", b""), ("/b", b"")]),
}


class Forwarding(ProxyCase):
    """Each with upstreams and a daemon of its own."""

    def test_the_whole_head(self):
        """Nothing else than this is sent."""
        upstream = self.upstream()
        daemon = self.proxy(upstream)
        port = daemon.address("web").rsplit(":", 1)[1]
        got = self.wire(daemon).ask(
            "GET /a//b%20c?d=%zz/%2F/../ HTTP/1.1\r\nHost: example.org:81\r\nUser-Agent: test\r\n"
            "Connection: keep-alive, X-Drop\r\nX-Drop: 1\r\nAccept: */*\r\nX-Forwarded-For: 6.6.6.6\r\n"
            "Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nProxy: evil\r\n"
            "Keep-Alive: 5\r\nTE: gzip\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n")
        self.assertEqual(got.status, 200)
        head = upstream.calls[0].head
        request_id = ID.search(head)
        self.assertTrue(request_id, head)
        self.assertEqual(head.replace(request_id[1], b"ID"), (
            "GET /a//b%20c?d=%zz/%2F/../ HTTP/1.1\r\nHost: example.org:81\r\nUser-Agent: test\r\n"
            "Accept: */*\r\nCookie: a=b\r\nCookie: c=d\r\nX-Forwarded-For: 127.0.0.1\r\n"
            "X-Forwarded-Proto: http\r\nX-Forwarded-Host: example.org:81\r\n"
            f"X-Forwarded-Port: {port}\r\n"
            'Forwarded: for=127.0.0.1;host="example.org:81";proto=http\r\n'
            "Via: 1.1 sockherd\r\nX-Request-Id: ID\r\n\r\n").encode())

    def test_escaped_slashes(self):
        """They go on as they came; where there are dots, nobody knows where they lead."""
        upstream = self.upstream()
        daemon = self.proxy(upstream)
        self.assertEqual(self.get(daemon, "/@scope%2Fname%2f?a=%2F").body, b"/@scope%2Fname%2f?a=%2F")
        for target in ("/a%2F..%2Fb", "/private/../a", "/private/%2e%2e/a", "/./a"):
            self.assertEqual(self.get(daemon, target).status, 400, target)
        self.assertEqual(len(upstream.calls), 1)

    def test_escaped_slashes_lead_round_no_route(self):
        """The route is that of the path with slashes in their place."""
        upstream = self.upstream()
        daemon = self.ready(proxy_config(upstream.address).replace(
            "routes = [", 'routes = [{ path = "/private/", redirect = "/elsewhere" }, '))
        for target, status in (("/private/x", 308), ("/private%2Fx", 400), ("/%2Fprivate%2fx", 400),
                               ("/private%2F", 400)):
            self.assertEqual(self.get(daemon, target).status, status, target)
        self.assertEqual(upstream.calls, [])

    def test_request_ids_differ(self):
        """Each has its own, over connections and workers."""
        upstream = self.upstream()
        daemon = self.proxy(upstream, workers=2)
        for _ in range(20):
            self.get(daemon)
        ids = {call.value("X-Request-Id") for call in upstream.calls}
        self.assertEqual(len(ids), 20)

    def test_what_the_proxy_before_us_says_is_kept_on_demand(self):
        """forwarded = append, and off; another Host."""
        upstream = self.upstream()
        daemon = self.proxy(upstream, route=', forwarded = "append", upstream_host = "inside:81"')
        self.wire(daemon).ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.1.1\r\n"
                              "X-Forwarded-Proto: https\r\nX-Request-Id: mine\r\n\r\n")
        call = upstream.calls[0]
        self.assertEqual(call.value("X-Forwarded-For"), "10.1.1.1, 127.0.0.1")
        self.assertEqual(call.value("X-Forwarded-Proto"), "https")
        self.assertEqual(call.value("X-Request-Id"), "mine")
        self.assertEqual(call.value("Host"), "inside:81")
        self.assertIsNone(call.value("Forwarded"))
        daemon = self.proxy(upstream, route=', forwarded = "off"')
        self.wire(daemon).ask("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.1.1\r\n\r\n")
        self.assertEqual(upstream.calls[1].head,
                         b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.1.1\r\n"
                         b"Via: 1.1 sockherd\r\n\r\n")

    def test_other_forms_of_the_target(self):
        """An upstream is asked as an origin server is."""
        upstream = self.upstream()
        daemon = self.proxy(upstream)
        self.wire(daemon).ask("GET http://other:82?x=y HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual((upstream.calls[0].target, upstream.calls[0].value("Host")),
                         ("/?x=y", "other:82"))
        self.wire(daemon).ask("GET / HTTP/1.0\r\n\r\n")
        self.assertEqual(upstream.calls[1].head.split(b"\r\n")[:2], [b"GET / HTTP/1.1", b"Host: "])

    def test_a_unix_socket(self):
        """Behind the route."""
        upstream = self.upstream(unix=True)
        self.assertEqual(self.get(self.proxy(upstream), "/x").body, b"/x")

    def test_content_is_framed_anew(self):
        """A length stays a length, chunks stay chunks; neither their sizes nor their extensions are told."""
        upstream = self.upstream(lambda peer, call: peer.send(answer(call.body)))
        wire = self.wire(self.proxy(upstream))
        body = bytes(range(256)) * 300
        got = wire.ask(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %06d\r\n\r\n%s" %
                       (len(body), body))
        self.assertEqual(got.body, body)
        self.assertEqual(upstream.calls[0].value("Content-Length"), str(len(body)))
        wire.send("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        got = wire.ask(b"1;a=b\r\nx\r\n0002\r\nyz\r\n" + chunked(body, trailers=["X-Sum: 7"]))
        self.assertEqual(got.body, b"xyz" + body)
        self.assertEqual(upstream.calls[1].value("Transfer-Encoding"), "chunked")
        self.assertIsNone(upstream.calls[1].value("Content-Length"))

    def test_expect_is_answered_here(self):
        """The client gets its 100 from us, and the upstream never hears of it."""
        upstream = self.upstream(lambda peer, call: peer.send(answer(call.body)))
        wire = self.wire(self.proxy(upstream))
        wire.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        self.assertEqual(wire.reader.readline(), b"HTTP/1.1 100 Continue\r\n")
        self.assertEqual(wire.reader.readline(), b"\r\n")
        self.assertEqual(wire.ask("abc").body, b"abc")
        self.assertIsNone(upstream.calls[0].value("Expect"))

    def test_nobody_smuggles(self):
        """Of each attack, the upstream sees what the client was answered for, and nothing else."""
        upstream = self.upstream(
            lambda peer, call: peer.send(answer(call.target.encode() + b"|" + call.body)))
        daemon = self.proxy(upstream)
        for name, (attack, status, arrives) in ATTACKS.items():
            with self.subTest(name):
                before = len(upstream.calls)
                with Wire(daemon.address("web")) as wire:
                    wire.send(attack.encode("latin-1") + GET.format("/next").encode())
                    for target, body in arrives:
                        got = wire.receive()
                        self.assertEqual((got.status, got.body), (200, target.encode() + b"|" + body))
                    if arrives:
                        self.assertEqual(wire.receive().body, b"/next|")
                    else:
                        self.assertEqual(wire.receive().status, status)
                        self.assertTrue(wire.at_end())
                # Whoever comes next gets his own answer.
                self.assertEqual(self.get(daemon, "/probe").body, b"/probe|")
                came = [(call.target, call.body) for call in upstream.calls[before:]]
                wanted = arrives + [("/next", b"")] * bool(arrives) + [("/probe", b"")]
                self.assertEqual(came, wanted)
        self.assertEqual(upstream.faults, [])

    def test_a_client_that_leaves_in_its_content_reaches_nobody_else(self):
        """Half of a body, and the end: the upstream connection carries no other request."""
        upstream = self.upstream()
        daemon = self.proxy(upstream)
        with Wire(daemon.address("web")) as wire:
            wire.send("POST /half HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n" + "x" * 300000)
        self.assertEqual(self.get(daemon, "/next").body, b"/next")
        self.assertEqual(upstream.targets(), ["/next"])


if __name__ == "__main__":
    unittest.main()
