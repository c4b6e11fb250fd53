"""Clients that are slow on purpose: hundreds of them, driven by one thread.

    with SlowClients(address) as attack:
        drippers = attack.add(300, Manner(first=b"GET / HTTP/1.1\\r\\nX: ", drip=b"x"))
        attack.until_ended(drippers)
        drippers[0].answer().status
"""
import dataclasses
import http.client
import io
import select
import socket
import time

from tests.support.http import Response

TICK = 0.1      # how often each of them sends or reads a byte
DEADLINE = 60.0  # how long a broken test takes to fail


@dataclasses.dataclass(frozen=True)
class Manner:
    """What a client does. `first` is said at once; `drip` once a tick, until an answer comes.

    `reads`: bytes taken a tick; None: all that comes, up to `stops_after`. `receive_buffer`: of the
    socket, in bytes; what the kernel takes for the client is taken, so one that reads slowly has a
    small one.
    """

    first: bytes = b""
    drip: bytes = b""
    reads: int | None = None
    stops_after: int = 1 << 40
    receive_buffer: int = 0


class SlowClient:
    """One connection. `ended`: None, "end" (of the stream) or "reset"."""

    def __init__(self, address, manner):
        host, port = address.rsplit(":", 1)
        self.manner, self.received, self.ended = manner, bytearray(), None
        self.socket = socket.socket()
        if manner.receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, manner.receive_buffer)
        self.socket.connect((host, int(port)))
        self.socket.setblocking(False)
        self.send(manner.first)

    def send(self, data):
        """What is not taken is lost: nobody waits for it, and the server may have closed already."""
        try:
            if data:
                self.socket.send(data)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass

    def receive(self, most=1 << 16):
        """Once."""
        try:
            data = self.socket.recv(most)
        except BlockingIOError:
            return
        except ConnectionResetError:
            self.ended = "reset"
            return
        self.received += data
        if not data:
            self.ended = "end"

    def tick(self):
        """What it does every now and then."""
        if not self.received:
            self.send(self.manner.drip)
        if self.manner.reads:
            self.receive(self.manner.reads)

    def on_event(self, events):
        """Of epoll. One who reads nothing, or slowly, still learns of a reset."""
        if self.reads_all():
            self.receive()
        elif events & select.EPOLLERR:
            self.ended = "reset"

    def reads_all(self):
        """Whether it is to be told that bytes came."""
        return self.manner.reads is None and len(self.received) < self.manner.stops_after

    def answer(self):
        """The first one, or None if nothing was said."""
        if not self.received:
            return None
        received = bytes(self.received)

        class Received:  # pylint: disable=too-few-public-methods
            """As a socket, for http.client."""

            def makefile(self, *_args, **_kwargs):
                """All of it."""
                return io.BytesIO(received)

        message = http.client.HTTPResponse(Received())
        message.begin()
        return Response(message)


class SlowClients:
    """All of them. Leaving the context ends those that are left."""

    def __init__(self, address):
        self.address, self.living = address, {}
        self.epoll = select.epoll()
        self.all = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.all:
            client.socket.close()
        self.epoll.close()

    def add(self, count, manner):
        """Connects so many more. The others go on meanwhile."""
        added = []
        for number in range(count):
            client = SlowClient(self.address, manner)
            self.living[client.socket.fileno()] = client
            self.epoll.register(client.socket, select.EPOLLIN if manner.reads is None else 0)
            added.append(client)
            if number % 50 == 49:
                self.turn(0)
        self.all += added
        return added

    def turn(self, seconds=TICK):
        """Everybody's next byte, and what comes meanwhile."""
        for client in self.living.values():
            client.tick()
        end = time.monotonic() + seconds
        while True:
            for fd, events in self.epoll.poll(max(0, end - time.monotonic())):
                client = self.living[fd]
                client.on_event(events)
                if not client.reads_all():
                    self.epoll.modify(fd, 0)
            for fd in [fd for fd, client in self.living.items() if client.ended]:
                self.epoll.unregister(fd)
                del self.living[fd]
            if time.monotonic() >= end:
                return

    def until(self, condition, what):
        """Goes on until then."""
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"after {DEADLINE:g} s still not: {what}")
            self.turn()

    def until_ended(self, clients):
        """Goes on until the server has ended all of these."""
        self.until(lambda: all(client.ended for client in clients),
                   f"the end of all {len(clients)} clients")
