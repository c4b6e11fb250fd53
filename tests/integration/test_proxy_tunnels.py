"""WebSockets and other upgrades through the proxy: bytes both ways, until both sides have ended."""
import os
import socket
import threading
import unittest

from tests.support.http import Wire
from tests.support.proxied import GET, ProxyCase, proxy_config
from tests.support.stub_upstream import answer
from tests.support.websocket import BINARY, TEXT, HandshakeRefused, WebSocketWire

UPGRADE = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: foo/1\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: foo/1\r\n\r\n"
BACKEND = """
[listener.app]
address = "{address}"
[pool.app]
listeners = ["app"]
workers = 1
max_message_size = "2MiB"
routes = [{{ path = "/", websocket = "echo" }}]
"""


def exactly(connection, size):
    """So many bytes of a socket, or what there is until its end."""
    received = b""
    while len(received) < size and (data := connection.recv(min(size - len(received), 1 << 20))):
        received += data
    return received


def to_end(connection):
    """All of them."""
    return exactly(connection, 1 << 40)


class RawTunnels(ProxyCase):
    """Of a protocol that nobody knows."""

    def tunnel(self, conduct, **options):
        """(client's wire, upstream), after 101. conduct(peer): what the upstream does from there on."""
        def first(peer):
            call = peer.read_head()
            self.calls.append(call)
            if "Upgrade" not in dict(call.fields):
                peer.send(answer(b"plain"))
                return
            peer.send(SWITCHED)
            conduct(peer)
        self.calls = []
        upstream = self.upstream(conduct=first)
        self.daemon = self.proxy(upstream, **options)
        wire = self.wire(self.daemon)
        wire.send(UPGRADE)
        head = exactly(wire.socket, len(b"HTTP/1.1 101 Go\r\n"))
        self.assertEqual(head, b"HTTP/1.1 101 Go\r\n")
        while not head.endswith(b"\r\n\r\n"):
            head += wire.socket.recv(1)
        self.assertIn(b"Upgrade: foo/1\r\n", head)
        self.assertIn(b"Connection: Upgrade\r\n", head)
        return wire, upstream

    @staticmethod
    def echo(peer):
        """Until the client has ended; then says so."""
        while data := peer.receive():
            peer.send(data)
        peer.send(b"bye")
        peer.socket.shutdown(socket.SHUT_WR)

    def test_echo(self):
        """Any bytes, also those that look like HTTP; the upgrade arrives as one."""
        wire, _ = self.tunnel(self.echo)
        call = self.calls[0]
        self.assertEqual((call.value("Connection"), call.value("Upgrade")), ("Upgrade", "foo/1"))
        for data in (GET.format("/evil").encode(), bytes(range(256)), b"\0"):
            wire.send(data)
            self.assertEqual(exactly(wire.socket, len(data)), data)

    def test_the_client_ends_its_direction_first(self):
        """The upstream learns of it, and what it says then arrives."""
        wire, upstream = self.tunnel(self.echo)
        data = os.urandom(3 << 20)
        sender = threading.Thread(target=lambda: (wire.socket.sendall(data),
                                                  wire.socket.shutdown(socket.SHUT_WR)))
        sender.start()
        self.assertEqual(to_end(wire.socket), data + b"bye")
        sender.join()
        upstream.wait_ended()

    def test_the_upstream_ends_its_direction_first(self):
        """The client learns of it, and what it says then arrives."""
        got = []

        def conduct(peer):
            peer.send(b"hello")
            peer.socket.shutdown(socket.SHUT_WR)
            while data := peer.receive():
                got.append(data)
        wire, upstream = self.tunnel(conduct)
        self.assertEqual(to_end(wire.socket), b"hello")
        wire.send(b"late")
        wire.socket.shutdown(socket.SHUT_WR)
        upstream.wait_ended()
        self.assertEqual(b"".join(got), b"late")

    def test_a_reset_is_passed_on(self):
        """Of either side."""
        wire, upstream = self.tunnel(lambda peer: (peer.receive(), peer.reset()))
        wire.send(b"x")
        try:
            self.assertEqual(wire.socket.recv(1), b"")
        except ConnectionResetError:
            pass
        wire, upstream = self.tunnel(lambda peer: peer.wait_end())
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.close()
        upstream.wait_ended()

    def test_what_comes_with_the_answer_is_not_lost(self):
        """101 and the first bytes in one packet."""
        upstream = self.upstream(conduct=lambda peer: (
            peer.read_head(), peer.send(SWITCHED + b"first"), peer.wait_end()))
        wire = self.wire(self.proxy(upstream))
        wire.send(UPGRADE)
        received = b""
        while not received.endswith(b"first"):
            received += wire.socket.recv(1000)
        self.assertTrue(received.startswith(b"HTTP/1.1 101 Go\r\n"))

    def test_who_does_not_read_stops_who_sends(self):
        """And all arrives when it does."""
        size = 64 << 20
        wire, _ = self.tunnel(lambda peer: (peer.send(bytes(size)), peer.wait_end()))
        # 64 MiB do not fit into the sockets on the way: somebody has to wait for us.
        self.assertEqual(exactly(wire.socket, size), bytes(size))

    def test_no_upgrade_after_all(self):
        """An answer like any other; the connection goes on."""
        upstream = self.upstream(lambda peer, call: peer.send(answer(call.target.encode())))
        wire = self.wire(self.proxy(upstream))
        self.assertEqual(wire.ask(UPGRADE).body, b"/")
        self.assertEqual(wire.ask(GET.format("/next")).body, b"/next")

    def test_bytes_before_the_answer_wait_for_it(self):
        """A client that does not wait for 101: refused, they are the next request; granted, the tunnel's."""
        upstream = self.upstream(lambda peer, call: peer.send(answer(call.target.encode())))
        wire = self.wire(self.proxy(upstream))
        wire.send(UPGRADE + GET.format("/next"))
        self.assertEqual([wire.receive().body, wire.receive().body], [b"/", b"/next"])
        echo = self.upstream(conduct=lambda peer: (
            peer.read_head(), peer.send(SWITCHED), self.echo(peer)))
        wire = self.wire(self.proxy(echo))
        wire.send(UPGRADE + "early")
        received = b""
        while not received.endswith(b"early"):
            received += wire.socket.recv(1000)

    def test_silence_ends_it(self):
        """tunnel_timeout; bytes of either side are none."""
        wire, upstream = self.tunnel(lambda peer: peer.wait_end(), pool='tunnel_timeout = "300ms"')
        try:
            self.assertEqual(wire.socket.recv(1), b"")
        except ConnectionResetError:
            pass
        upstream.wait_ended()


class WebSockets(ProxyCase):
    """Our own engine behind it, with its echo."""

    def through(self, **options):
        """The address of a proxy in front of an echo."""
        holder = socket.socket()
        self.addCleanup(holder.close)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        daemon = self.ready(proxy_config(address, **options) + BACKEND.format(address=address))
        return daemon.address("web")

    def test_messages_of_a_mebibyte(self):
        """Text and binary, there and back."""
        with WebSocketWire(self.through(), "/") as wire:
            for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
                payload = os.urandom(size)
                wire.send_frame(BINARY, payload)
                self.assertEqual(wire.receive_message(), (BINARY, payload))
            wire.send_text("grüße" * 100_000)
            kind, payload = wire.receive_message()
            self.assertEqual((kind, payload.decode()), (TEXT, "grüße" * 100_000))

    def test_many_at_once(self):
        """Over two workers of two threads."""
        address = self.through(workers=2, threads=2)
        wires = [self.enterContext(WebSocketWire(address, "/")) for _ in range(200)]
        for turn in range(3):
            for number, wire in enumerate(wires):
                wire.send_text(f"{turn} {number}")
            for number, wire in enumerate(wires):
                self.assertEqual(wire.receive_message(), (TEXT, f"{turn} {number}".encode()))

    def test_the_closing_handshake(self):
        """Passes like everything else."""
        with WebSocketWire(self.through(), "/") as wire:
            wire.send_close(1000, b"done")
            self.assertEqual(wire.receive_close()[0], 1000)

    def test_a_handshake_that_the_upstream_refuses(self):
        """Comes from there: 426 with its fields."""
        address = self.through()
        with Wire(address) as wire:
            got = wire.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                           "Sec-WebSocket-Version: 7\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                           "\r\n")
            self.assertEqual((got.status, got.headers["Upgrade"]), (426, "websocket"))
        with self.assertRaises(HandshakeRefused):
            WebSocketWire(address, "/../../")


if __name__ == "__main__":
    unittest.main()
