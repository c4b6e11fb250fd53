#!/usr/bin/env python3
"""One process of receivers: so many connections in a room, all from one source address.

    python3 -m tests.bench.websockets.listeners ADDRESS PATH SOURCE COUNT SIZE BOARD INDEX

Prints {"open": n} when they are, then counts what comes until its standard input ends, and prints its report. All
messages have SIZE bytes, which begin with a number and the time of their sender (STAMP). While it runs, row INDEX
of BOARD, a file of numbers of 64 bits, has how many messages have come.
"""
import array
import collections
import gc
import json
import mmap
import select
import socket
import struct
import sys
import time

from tests.support.websocket import handshake

STAMP = struct.Struct("!QQ")  # number, nanoseconds of CLOCK_MONOTONIC, which all processes share
BATCH = 128                   # connections that are opened at once
TICK = 100_000                # nanoseconds: the step of the histogram of delays
PATIENCE = 30                 # seconds for an answer to a handshake
BINARY_HEAD = 0x82
READ = 4096


def head_of(size):
    """Bytes before the payload of a frame that is not masked."""
    return 2 if size < 126 else 4 if size < 1 << 16 else 10


class Listeners:
    """All of them. What is done for each message is little, for it is done on the CPUs of the server."""

    def __init__(self, size, row):
        self.frame = head_of(size) + size
        self.head = head_of(size)
        self.row = row
        self.sockets, self.rests, self.expected = {}, {}, {}
        self.delays = array.array("Q")
        self.gaps = self.late = self.ended = 0
        self.poll = select.epoll()

    def open(self, address, path, source, count):
        """Opens them in batches; how many got in."""
        host, port = address.rsplit(":", 1)
        request = handshake(address, path)
        for first in range(0, count, BATCH):
            batch = [connected(source, host, int(port)) for _ in range(min(BATCH, count - first))]
            for one in batch:
                one.sendall(request)
            for one in batch:
                answer = one.recv(4096)
                while answer and b"\r\n\r\n" not in answer:
                    answer += one.recv(4096)
                head, _, rest = answer.partition(b"\r\n\r\n")
                if head.startswith(b"HTTP/1.1 101"):
                    self.add(one, rest)
        return len(self.sockets)

    def add(self, one, rest):
        """One that is open. rest: what came with the answer."""
        one.setblocking(False)
        fd = one.fileno()
        self.sockets[fd], self.expected[fd] = one, 0
        if rest:
            self.rests[fd] = rest
        self.poll.register(fd, select.EPOLLIN)

    def run(self):
        """Until the end of standard input."""
        stdin = sys.stdin.fileno()
        self.poll.register(stdin, select.EPOLLIN)
        receive = {fd: one.recv for fd, one in self.sockets.items()}
        while True:
            for fd, _ in self.poll.poll():
                if fd == stdin:
                    return
                try:
                    data = receive[fd](READ)
                except OSError:
                    data = b""
                if not data:
                    self.poll.unregister(fd)
                    self.ended += 1
                elif len(data) == self.frame and data[0] == BINARY_HEAD and fd not in self.rests:
                    self.count(fd, *STAMP.unpack_from(data, self.head))
                else:
                    self.parse(fd, data)
            self.row[0] = len(self.delays)

    def parse(self, fd, data):
        """Anything but one whole message."""
        data = self.rests.pop(fd, b"") + data
        at, length = 0, len(data)
        while at + 2 <= length:
            if data[at] != BINARY_HEAD:  # a ping: they are short
                payload = data[at + 2:at + 2 + data[at + 1]]
                if len(payload) < data[at + 1]:
                    break
                self.sockets[fd].send(bytes([0x8A, 0x80 | len(payload)]) + b"\0\0\0\0" + payload)
                at += 2 + len(payload)
                continue
            if at + self.frame > length:
                break
            self.count(fd, *STAMP.unpack_from(data, at + self.head))
            at += self.frame
        if at < length:
            self.rests[fd] = data[at:]

    def count(self, fd, number, sent):
        """A message."""
        self.delays.append(time.monotonic_ns() - sent)
        if number != self.expected[fd]:
            if number > self.expected[fd]:
                self.gaps += number - self.expected[fd]
            else:
                self.late += 1  # again, or out of order
        self.expected[fd] = number + 1

    def report(self):
        """What came.."""
        delays = collections.Counter(delay // TICK for delay in self.delays)
        return {"messages": len(self.delays), "gaps": self.gaps, "late": self.late, "ended": self.ended,
                "delays": delays, "least": min(self.expected.values(), default=0)}


def connected(source, host, port):
    """A connection."""
    one = socket.socket()
    one.settimeout(PATIENCE)
    one.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
    one.bind((source, 0))
    one.connect((host, port))
    return one


def main():
    """One process."""
    gc.disable()  # nothing here is a circle
    address, path, source, count, size, board, index = sys.argv[1:]
    with open(board, "r+b") as file:
        whole = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
        row = whole[int(index):int(index) + 1]
        listeners = Listeners(int(size), row)
        print(json.dumps({"open": listeners.open(address, path, source, int(count))}), flush=True)
        listeners.run()
        print(json.dumps(listeners.report()), flush=True)


if __name__ == "__main__":
    main()
