#!/usr/bin/env python3
"""Requests at a fixed rate, whatever comes back, and what becomes of them.

    python3 -m tests.bench.overload ADDRESS PATH RATE SECONDS PATIENCE

A request that is due takes a connection that is free, or a new one; its time counts from when it was due. Prints
{"200": [milliseconds...], "503": [...], "retry_after": how many of these had one, "unanswered": n}, where unanswered are
those that had no answer PATIENCE seconds after the last one was due, and those for which no connection was to be had.
"""
import collections
import gc
import json
import re
import resource
import select
import socket
import sys
import time

STATUS = re.compile(rb"^HTTP/1\.1 (\d+)")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
OPEN_AT_ONCE = 50  # at the most, before looking at what has come


class Client:
    """All connections of one process."""

    def __init__(self, address, path):
        host, port = address.rsplit(":", 1)
        self.to = (host, int(port))
        self.request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
        self.poll = select.epoll()
        self.free, self.busy = collections.deque(), {}
        self.times = collections.defaultdict(list)
        self.retry_after = self.unanswered = 0
        self.most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 100

    def ask(self, due):
        """A request that was due then."""
        while self.free:
            one = self.free.popleft()
            try:
                one.send(self.request)
            except OSError:
                self.drop(one)
                continue
            self.busy[one.fileno()] = (one, due, b"")
            return
        if len(self.busy) >= self.most:
            self.unanswered += 1
            return
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(self.to)
        self.poll.register(one.fileno(), select.EPOLLOUT)  # connected
        self.busy[one.fileno()] = (one, due, b"")

    def drop(self, one):
        """A connection that has ended."""
        self.poll.unregister(one.fileno())
        one.close()

    def look(self, wait):
        """At what has come."""
        for fd, events in self.poll.poll(wait):
            if fd not in self.busy:
                continue  # free, and ended: ask() will see
            one, due, before = self.busy[fd]
            if events == select.EPOLLOUT:
                one.send(self.request)
                self.poll.modify(fd, select.EPOLLIN)
                continue
            del self.busy[fd]
            try:
                data = one.recv(4096)
            except OSError:
                data = b""
            if not data:
                self.drop(one)
                self.unanswered += 1
                continue
            data = before + data
            if not whole(data):
                self.busy[fd] = (one, due, data)
                continue
            status = STATUS.match(data)[1].decode()
            self.times[status].append((time.monotonic() - due) * 1000)
            self.retry_after += status == "503" and b"\r\nretry-after:" in data.lower()
            self.free.append(one)

    def run(self, rate, seconds, patience):
        """The report."""
        begin = time.monotonic()
        total, asked = int(rate * seconds), 0
        while asked < total:
            due = min(total, int((time.monotonic() - begin) * rate))
            for _ in range(min(OPEN_AT_ONCE, due - asked)):
                self.ask(begin + asked / rate)
                asked += 1
            self.look(0 if asked < due else 0.001)
        late = time.monotonic() - begin - seconds
        end = time.monotonic() + patience
        while self.busy and time.monotonic() < end:
            self.look(0.1)
        return {**self.times, "retry_after": self.retry_after, "late_s": late,
                "unanswered": self.unanswered + len(self.busy)}


def whole(data):
    """Whether an answer has come to its end."""
    head, end, body = data.partition(b"\r\n\r\n")
    return bool(end) and len(body) >= int((LENGTH.search(head) or (0, 0))[1])


if __name__ == "__main__":
    gc.disable()
    print(json.dumps(Client(sys.argv[1], sys.argv[2]).run(*map(float, sys.argv[3:6]))))
