"""Content through the proxy: any amount of it in constant memory, both ways, and slow clients by the
thousand that nobody else notices."""
import os
import pathlib
import resource
import socket
import threading
import unittest
import zlib

from tests.support.daemon import basic_config
from tests.support.http import Wire, connect
from tests.support.proxied import GET, ProxyCase, proxy_config
from tests.support.slow_clients import Manner, SlowClients
from tests.support.stub_upstream import answer
from tests.support.wait import until

GIB = 1 << 30
MARK = 64 << 20  # so often there is something else than zeros in a big body
PIECE = 1 << 20
GROWTH = 16 << 20  # of a worker's memory: buffers of a connection, what the allocator keeps
SLOW = 1000
WORSE_MS = 1500  # as in test_slow_clients.py

LIMITS = """
max_body_size = "2GiB"
header_timeout = "1h"
body_timeout = "1h"
write_timeout = "1h"
min_body_rate = "0B"
min_read_rate = "0B"
"""


def big_file():
    """A GiB that takes no memory: zeros, and marks."""
    fd = os.memfd_create("big")
    os.ftruncate(fd, GIB)
    for at in range(0, GIB, MARK):
        os.pwrite(fd, b"%016d" % at, at + at // MARK)
    os.pwrite(fd, b"end", GIB - 3)
    return fd


def send_file(connection, fd):
    """All of it, by the kernel."""
    connection.setblocking(True)  # sendfile knows nothing of a time-out of Python's
    at = 0
    while at < GIB:
        at += os.sendfile(connection.fileno(), fd, at, GIB - at)


def checksum_of(read, size):
    """Of `size` bytes that read(buffer) gives."""
    buffer, total, checksum = bytearray(PIECE), 0, 0
    view = memoryview(buffer)
    while total < size:
        got = read(view[:min(PIECE, size - total)])
        if not got:
            raise AssertionError(f"the end after {total} bytes")
        checksum = zlib.crc32(view[:got], checksum)
        total += got
    return checksum


def peak_memory(pid):
    """The most that a process has ever had in memory (VmHWM), in bytes."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


class Content(ProxyCase):
    """A big body, one way at a time."""

    @classmethod
    def setUpClass(cls):
        cls.fd = big_file()
        cls.addClassCleanup(os.close, cls.fd)
        at = iter(range(0, GIB, PIECE))
        def read(view):
            view[:] = os.pread(cls.fd, len(view), next(at))
            return len(view)
        cls.checksum = checksum_of(read, GIB)

    def assert_constant_memory(self, daemon, act):
        """act() must not make a worker grow by more than GROWTH."""
        pids = daemon.pids()  # {slot: pid}
        self.get(daemon, "/warm")
        before = [peak_memory(pid) for pid in pids.values()]
        act()
        self.assertEqual(daemon.pids(), pids)
        after = [peak_memory(pid) for pid in pids.values()]
        for one, other in zip(before, after):
            self.assertLess(other - one, GROWTH)

    def handler(self, peer, call):
        """/length and /chunks are answered with the file."""
        head = b"HTTP/1.1 200 OK\r\n"
        if call.target == "/length":
            peer.send(head + b"Content-Length: %d\r\n\r\n" % GIB)
            send_file(peer.socket, self.fd)
        elif call.target == "/chunks":
            peer.send(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % GIB)
            send_file(peer.socket, self.fd)
            peer.send(b"\r\n0\r\n\r\n")
        else:
            peer.send(answer(b"x"))

    def test_down(self):
        """An answer of a GiB, with a length and in chunks."""
        daemon = self.proxy(self.upstream(self.handler))

        def download():
            for target in ("/length", "/chunks"):
                connection = connect(daemon.address("web"))
                with connection, connection.makefile("rb", buffering=PIECE) as reader:
                    connection.sendall(GET.format(target).encode())
                    self.assertEqual(reader.readline(), b"HTTP/1.1 200 OK\r\n")
                    is_chunked = False
                    while (line := reader.readline()) != b"\r\n":
                        is_chunked = is_chunked or line == b"Transfer-Encoding: chunked\r\n"
                    self.assertEqual(is_chunked, target == "/chunks")
                    left = 0

                    def read(view):
                        nonlocal left
                        if is_chunked and left == 0:
                            left = int(reader.readline(), 16)
                        got = reader.readinto(view[:left] if is_chunked else view)
                        if is_chunked:
                            left -= got
                            if left == 0:
                                self.assertEqual(reader.readline(), b"\r\n")
                        return got
                    self.assertEqual(checksum_of(read, GIB), self.checksum)
                    if is_chunked:
                        self.assertEqual(reader.read(5), b"0\r\n\r\n")
        self.assert_constant_memory(daemon, download)

    def test_up(self):
        """A request of a GiB, with a length and in one chunk; the upstream gets chunks of other sizes."""
        sums = []

        def conduct(peer):
            while call := peer.read_head():
                if call.value("Content-Length"):
                    sums.append(checksum_of(self.reader_of(peer), GIB))
                elif call.value("Transfer-Encoding"):
                    sums.append(self.checksum_of_chunks(peer))
                peer.send(answer(b"got it"))
                peer.received.clear()
        daemon = self.proxy(self.upstream(conduct=conduct), pool=LIMITS)

        def upload():
            for framing, end in ((f"Content-Length: {GIB}\r\n\r\n", b""),
                                 (f"Transfer-Encoding: chunked\r\n\r\n{GIB:x}\r\n", b"\r\n0\r\n\r\n")):
                wire = self.wire(daemon, timeout=120)
                wire.send("POST / HTTP/1.1\r\nHost: a\r\n" + framing)
                send_file(wire.socket, self.fd)
                wire.socket.settimeout(60)
                self.assertEqual(wire.ask(end).body, b"got it")
        self.assert_constant_memory(daemon, upload)
        self.assertEqual(sums, [self.checksum, self.checksum])

    @staticmethod
    def reader_of(peer):
        """What checksum_of() takes; first what was read behind the head."""
        def read(view):
            if peer.rest:
                part = peer.rest[:len(view)]
                view[:len(part)] = part
                peer.rest = peer.rest[len(part):]
                return len(part)
            return peer.socket.recv_into(view)
        return read

    def checksum_of_chunks(self, peer):
        """Of content in chunks."""
        checksum, total = 0, 0
        reader = peer.socket.makefile("rb", buffering=PIECE)
        behind_head, peer.rest = peer.rest, b""

        def exactly(count):
            nonlocal behind_head
            part, behind_head = behind_head[:count], behind_head[count:]
            return part + (reader.read(count - len(part)) if len(part) < count else b"")

        def line():
            text = b""
            while not text.endswith(b"\r\n"):
                text += exactly(1)
            return text
        while size := int(line(), 16):
            checksum = zlib.crc32(exactly(size), checksum)
            total += size
            self.assertEqual(exactly(2), b"\r\n")
        self.assertEqual((line(), total), (b"\r\n", GIB))
        return checksum

    def test_who_does_not_read_stops_who_sends(self):
        """An endless answer to a client that takes nothing: the upstream cannot get rid of it."""
        sent = []

        def handler(peer, call):
            if call.target == "/warm":
                peer.send(answer(b"x"))
                return
            peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
            peer.socket.settimeout(2)
            try:
                while True:
                    sent.append(peer.socket.send(bytes(PIECE)))
            except TimeoutError:
                sent.append(None)
        daemon = self.proxy(self.upstream(handler), pool=LIMITS)

        def stall():
            wire = self.wire(daemon)
            wire.send(GET.format("/"))
            until(lambda: sent and sent[-1] is None, "the upstream to be stopped")
        self.assert_constant_memory(daemon, stall)
        self.assertLess(sum(sent[:-1]), 64 << 20, "what all the sockets on the way hold")

    def test_who_does_not_read_stops_the_client(self):
        """An endless upload to an upstream that takes nothing."""
        proceed = threading.Event()
        self.addCleanup(proceed.set)

        def conduct(peer):
            call = peer.read_head()
            if call.target == "/warm":
                peer.send(answer(b"x", close=True))
            else:
                proceed.wait(60)
        daemon = self.proxy(self.upstream(conduct=conduct), pool=LIMITS + 'request_timeout = "1h"')
        sent = 0

        def stall():
            nonlocal sent
            wire = self.wire(daemon)
            wire.send(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {GIB}\r\n\r\n")
            wire.socket.settimeout(2)
            try:
                while sent < GIB // 2:
                    sent += wire.socket.send(bytes(PIECE))
            except TimeoutError:
                pass
        self.assert_constant_memory(daemon, stall)
        self.assertLess(sent, 64 << 20)


# An upstream that is fast, and as many slow clients of each kind.
TWO_POOLS = """
[listener.app]
address = "{address}"
[pool.app]
listeners = ["app"]
workers = 1
routes = [{{ path = "/", module = "demo" }}]
max_connections = 20000
"""
KINDS = {
    "heads, byte by byte": Manner(b"GET /plaintext HTTP/1.1\r\nX: ", b"x"),
    "bodies, byte by byte":
        Manner(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n" + b"x" * 20000, b"x"),
    "bodies that stop": Manner(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nx"),
    "answers, byte by byte": Manner(b"GET /10k HTTP/1.1\r\nHost: x\r\n\r\n" * 20, reads=1,
                                    receive_buffer=2048),
}


class SlowClientsBesideAFastOne(ProxyCase):
    """They cost memory and descriptors, and nobody's time."""

    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 4 * SLOW:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))

    def test_a_thousand(self):
        """The 99th percentile of the others stays where it was."""
        holder = socket.socket()
        self.addCleanup(holder.close)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        config = proxy_config(address, pool=LIMITS + "max_connections = 20000", workers=2)
        daemon = self.ready(config + TWO_POOLS.format(address=address))
        self.assertEqual(self.get(daemon, "/plaintext").status, 200)
        load = {"path": "/plaintext", "keepalive": 8, "slow_after_ms": 10000}
        alone = self.load(daemon, count=4000, **load).finish()
        self.assert_nothing_lost(alone, daemon)
        with SlowClients(daemon.address("web")) as crowd:
            for manner in KINDS.values():
                crowd.add(SLOW // len(KINDS), manner)
            beside = self.load(daemon, count=4000, **load)
            while beside.process.poll() is None:
                crowd.turn()
            report = beside.finish()
            self.assert_nothing_lost(report, daemon)
            self.assertLess(report["latency_ms"]["p99"], alone["latency_ms"]["p99"] + WORSE_MS)
            self.assertEqual([one.ended for one in crowd.all if one.ended], [])
        self.assertEqual(self.get(daemon, "/plaintext").status, 200)


if __name__ == "__main__":
    unittest.main()
