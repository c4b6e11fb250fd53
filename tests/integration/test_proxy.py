"""A route with `proxy`: requests go on to other servers, and their answers back."""
import base64
import contextlib
import hashlib
import os
import signal
import socket
import tempfile
import threading
import types
import unittest

from tests.support import http, paths, wait
from tests.support.faulty_server import refusing_address
from tests.support.spawn_worker import spawn_worker, tcp_listener
from tests.support.upstream import Upstream, answering


class ProxyCase(unittest.TestCase):
    def worker(self, upstreams, pool="", route=""):
        """The address of a worker in front of `upstreams`."""
        addresses = ", ".join(f'"{each.address}"' for each in upstreams)
        engine = os.environ.get("SOCKHERD_POOL__WEB__ENGINE", "auto")
        config = f"""
[listener.web]
address = "127.0.0.1:8080"
[pool.web]
listeners = ["web"]
workers = 1
engine = "{engine}"
{pool}
routes = [{{ path = "/", proxy = [{addresses}] {route} }}]
"""
        listener = tcp_listener(0)
        self.addCleanup(listener.close)
        self.pid = spawn_worker(paths.program("sockherd-worker"), [("web", listener)], config)
        self.addCleanup(self.end_worker)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    def end_worker(self):
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = None

    def upstream(self, serve, path=None):
        made = Upstream(serve, path)
        self.addCleanup(made.close)
        return made

    def gone(self):
        """One that refuses connections; its port is kept, or another program might get it."""
        holder, address = refusing_address()
        self.addCleanup(holder.close)
        return types.SimpleNamespace(address=address)


class Requests(ProxyCase):
    def test_request_and_answer(self):
        asked = []

        def serve(exchange):
            while head := exchange.head():
                asked.append(head)
                exchange.answer(exchange.body(head[1]).upper())
        address = self.worker([self.upstream(serve)])
        for body in (b"hello", b"x" * 100_000):
            answer = http.request(address, "POST", "/path?query", body)
            self.assertEqual((answer.status, answer.body), (200, body.upper()))
        line, fields = asked[0]
        self.assertEqual(line, "POST /path?query HTTP/1.1")
        self.assertEqual(fields["x-forwarded-for"], "127.0.0.1")
        self.assertEqual(fields["x-forwarded-proto"], "http")
        self.assertIn("via", fields)

    def test_connections_are_kept(self):
        upstream = self.upstream(answering())
        address = self.worker([upstream])
        for _ in range(5):
            self.assertEqual(http.request(address, "GET", "/").body, b"ok")
        self.assertEqual((len(upstream.connections), upstream.served), (1, 5))

    def test_unix_socket(self):
        with tempfile.TemporaryDirectory(dir="/tmp") as directory:
            upstream = self.upstream(answering(b"over a path"), os.path.join(directory, "s"))
            address = self.worker([upstream])
            self.assertEqual(http.request(address, "GET", "/").body, b"over a path")

    def test_large_bodies_both_ways(self):
        size = 64 << 20

        def serve(exchange):
            while head := exchange.head():
                left = int(head[1]["content-length"])
                digest = hashlib.sha256()
                while left > 0:
                    piece = exchange.reader.read1(min(left, 1 << 20))
                    digest.update(piece)
                    left -= len(piece)
                exchange.send(f"HTTP/1.1 200 OK\r\nX-Sum: {digest.hexdigest()}\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n".encode())
                piece = b"z" * 65536
                for _ in range(size // len(piece)):
                    exchange.send(b"10000\r\n" + piece + b"\r\n")
                exchange.send(b"0\r\n\r\n")
        address = self.worker([self.upstream(serve)], 'max_body_size = "100MiB"')
        body = os.urandom(1 << 20) * (size >> 20)
        answer = http.request(address, "POST", "/", body)
        self.assertEqual(answer.headers["X-Sum"], hashlib.sha256(body).hexdigest())
        self.assertEqual(len(answer.body), size)
        self.assertEqual(answer.body.strip(b"z"), b"")


class Failures(ProxyCase):
    def test_the_other_one_is_asked(self):
        """One that refuses connections is never seen by clients."""
        address = self.worker([self.gone(), self.upstream(answering(b"well"))])
        for _ in range(20):
            self.assertEqual(http.request(address, "POST", "/", b"once").body, b"well")

    def test_nobody_can_be_reached(self):
        address = self.worker([self.gone()], 'connect_timeout = "20ms"')
        self.assertEqual(http.request(address, "GET", "/").status, 502)

    def test_a_crash_in_the_middle_is_told_at_once(self):
        def serve(exchange):
            exchange.head()
        address = self.worker([self.upstream(serve)])
        self.assertEqual(http.request(address, "GET", "/").status, 502)

    def test_one_that_hangs(self):
        ended = threading.Event()

        def serve(exchange):
            exchange.head()
            exchange.reader.read()  # until the proxy gives up
            ended.set()
        address = self.worker([self.upstream(serve)], 'request_timeout = "100ms"')
        self.assertEqual(http.request(address, "GET", "/").status, 504)
        self.assertTrue(ended.wait(20))

    def test_a_client_that_goes_ends_its_request(self):
        asked, ended = threading.Event(), threading.Event()

        def serve(exchange):
            exchange.head()
            asked.set()
            exchange.reader.read()
            ended.set()
        address = self.worker([self.upstream(serve)])
        with http.Wire(address) as wire:
            wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertTrue(asked.wait(20))
        self.assertTrue(ended.wait(20))


class Queue(ProxyCase):
    def test_one_at_a_time(self):
        under_way, most = [], []
        lock = threading.Lock()

        def serve(exchange):
            while exchange.head():
                with lock:
                    under_way.append(1)
                    most.append(len(under_way))
                exchange.connection.settimeout(0.002)  # works
                with contextlib.suppress(TimeoutError):
                    exchange.connection.recv(1)
                exchange.connection.settimeout(None)
                with lock:
                    under_way.pop()
                exchange.answer()
        address = self.worker([self.upstream(serve)], "max_in_flight = 1")
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(
            http.request(address, "GET", "/").status)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses, [200] * 20)
        self.assertEqual(max(most), 1)

    def test_too_many_and_too_long(self):
        asked, may_answer = threading.Event(), threading.Event()

        def serve(exchange):
            while exchange.head():
                asked.set()
                may_answer.wait(20)
                exchange.answer()
        address = self.worker([self.upstream(serve)],
                              'max_in_flight = 1\nqueue_depth = 1\nqueue_timeout = "200ms"')
        with http.Wire(address) as first, http.Wire(address) as second:
            first.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertTrue(asked.wait(20))
            second.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = wait.until(lambda: [a for a in [http.request(address, "GET", "/")]
                                         if a.status == 503], "a full queue")[0]
            self.assertEqual(answer.headers["Retry-After"], "1")
            self.assertEqual(second.receive().status, 503)
            may_answer.set()
            self.assertEqual(first.receive().status, 200)


class Tunnels(ProxyCase):
    def echo(self, exchange):
        """Upgrades, then says everything back until the client ends its direction."""
        head = exchange.head()
        self.assertEqual(head[1]["upgrade"], "echo")
        exchange.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n"
                      b"Connection: Upgrade\r\n\r\nhello")
        while piece := exchange.reader.read1(65536):
            exchange.send(piece)
        exchange.send(b"bye")

    def test_bytes_and_half_close(self):
        address = self.worker([self.upstream(self.echo)])
        with socket.create_connection(address.rsplit(":", 1), timeout=20) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
            reader = client.makefile("rb")
            self.assertEqual(reader.readline(), b"HTTP/1.1 101 Switching Protocols\r\n")
            while reader.readline() != b"\r\n":
                pass
            self.assertEqual(reader.read(5), b"hello")
            data = base64.b64encode(os.urandom(3 << 20))
            sender = threading.Thread(target=client.sendall, args=(data,))
            sender.start()
            self.assertEqual(reader.read(len(data)), data)
            sender.join()
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(reader.read(), b"bye")


if __name__ == "__main__":
    unittest.main()
