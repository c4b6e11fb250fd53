"""Memory: of a connection that is open and idle after one request, and of all processes after load."""
import contextlib
import os
import selectors
import socket
import time

from tests.bench.engine import costs
from tests.bench.engine.cases import CASES
from tests.bench.engine.wrk import wrk
from tests.bench.peers.peer import PLAINTEXT, PROCESSES

CONNECTIONS = 10_000  # of one worker; more would meet the limit of 20,000 descriptors a process
BATCH = 100           # in flight at once while they are opened
PER_SOURCE = 5_000    # connections from one source address, which has 28,000 ports
REQUEST = b"GET /plaintext HTTP/1.1\r\nHost: bench\r\n\r\n"
SETTLE = 1.5          # seconds, for what a server does later


class NothingOpened(Exception):
    """Not one connection was answered."""


def connect(address, number):
    """A connection from 127.0.0.2, .3, ... by its number."""
    host, port = address.rsplit(":", 1)
    connection = socket.socket()
    connection.settimeout(20)
    connection.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24), 1)
    connection.bind((f"127.0.0.{2 + number // PER_SOURCE}", 0))
    connection.connect((host, int(port)))
    return connection


def ask(connections):
    """One request on each of them, all in flight at once; those that were answered."""
    answered = []
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(REQUEST)
                selector.register(connection, selectors.EVENT_READ, bytearray())
        while selector.get_map():
            ready = selector.select(timeout=20)
            if not ready:
                break
            for key, _ in ready:
                if not read(key.fileobj, key.data):
                    continue
                selector.unregister(key.fileobj)
                if PLAINTEXT.encode() in key.data:
                    answered.append(key.fileobj)
    return answered


def read(connection, received):
    """Whether that connection is done with, answered or not."""
    try:
        data = connection.recv(4096)
    except OSError:
        return True
    received += data
    return not data or PLAINTEXT.encode() in received


def in_batches(items):
    """Slices of BATCH."""
    return (items[i:i + BATCH] for i in range(0, len(items), BATCH))


def measure(kind):
    """One worker of that kind of peer: what 10,000 connections add to it, and what stays."""
    with kind(1, CONNECTIONS) as peer, contextlib.ExitStack() as stack:
        for connection in (connect(peer.address, i) for i in range(BATCH)):  # what is made only once
            ask([stack.enter_context(connection)])
        stack.close()
        base = settled(peer)
        opened = []
        for numbers in in_batches(range(CONNECTIONS)):
            batch = [stack.enter_context(connect(peer.address, i)) for i in numbers]
            opened += ask(batch)
        if not opened:
            raise NothingOpened(f"{peer.name}: no connection was answered")
        full = settled(peer)
        alive = sum(len(ask(batch)) for batch in in_batches(opened))
        stack.close()
        empty = settled(peer)
    return {"version": peer.version(), "load_average": os.getloadavg()[0], "opened": len(opened),
            "alive": alive, "base": base["pss"], "after_load": after_load(kind),
            **{f"{field}_each": (full[field] - base[field]) / len(opened) for field in base},
            "left_each": (empty["pss"] - base["pss"]) / len(opened)}


def after_load(kind):
    """Two processes and all that belongs to them, while no other peer is up to share pages with."""
    with kind(PROCESSES) as peer:
        for case in ("plain64", "10k"):
            wrk(peer.address, CASES[case], 2)
        return settled(peer)["pss"]


def settled(peer):
    """The memory of its processes a moment later."""
    time.sleep(SETTLE)
    return costs.memory(peer.pids())
