#!/usr/bin/env python3
"""Connections that each send a message when the one before came back, for so many seconds.

    python3 -m tests.bench.websockets.echo_client ADDRESS CONNECTIONS SIZE SECONDS

Prints {"messages": n, "seconds": s, "p50_ms": ..., "p99_ms": ..., "errors": n}.
"""
import json
import select
import sys
import time

from tests.support.websocket import BINARY, WebSocketWire, frame

SAMPLE = 16  # every so manieth round trip is timed


def head_of(size):
    """Bytes before the payload of an unmasked frame."""
    return 2 if size < 126 else 4 if size < 1 << 16 else 10


def run(address, connections, size, seconds):
    """The report."""
    message = frame(BINARY, b"x" * size)
    whole = head_of(size) + size
    poll = select.epoll()
    open_ones = {}
    for _ in range(connections):
        wire = WebSocketWire(address, "/echo")
        wire.socket.setblocking(False)
        open_ones[wire.socket.fileno()] = [wire.socket, whole, 0]
        poll.register(wire.socket.fileno(), select.EPOLLIN)
    times, messages, errors = [], 0, 0
    begin = time.perf_counter()
    for one in open_ones.values():
        one[2] = time.perf_counter()
        one[0].send(message)
    end = begin + seconds
    while (now := time.perf_counter()) < end and open_ones:
        for fd, _ in poll.poll(1):
            one = open_ones[fd]
            data = one[0].recv(65536)
            if not data:
                errors += 1
                poll.unregister(fd)
                del open_ones[fd]
                continue
            one[1] -= len(data)
            if one[1] > 0:
                continue
            one[1] = whole
            messages += 1
            if messages % SAMPLE == 0:
                times.append(time.perf_counter() - one[2])
            one[2] = now
            one[0].send(message)
    took = time.perf_counter() - begin
    times.sort()
    return {"messages": messages, "seconds": took, "errors": errors, "p50_ms": times[len(times) // 2] * 1e3,
            "p99_ms": times[len(times) * 99 // 100] * 1e3}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], *map(int, sys.argv[2:4]), float(sys.argv[4]))))
