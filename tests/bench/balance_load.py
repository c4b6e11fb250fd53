"""The loads of bench_balance.py: connections that are kept, and short requests at a fixed rate."""
import contextlib
import heapq
import os
import random
import re
import select
import signal
import socket
import subprocess
import threading
import time

from tests.support.wait import until

MEAN_LIFE = 0.5      # seconds of a steady connection
BUSY, FREE = 0.020, 0.005
CLIENTS = 4          # of the busy worker
GET = b"GET /plaintext HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def endpoint(peer):
    """(host, port)."""
    host, port = peer.address.rsplit(":", 1)
    return host, int(port)


# ---- who has how many ----

def accepted(peer):
    """{socket: the client's port} of its connections. Not from /proc/net/tcp, which prints a line for
    each of the 100,000 that the bench before has left in TIME_WAIT."""
    listed = subprocess.run(["ss", "-tneH", "state", "established", f"( sport = :{endpoint(peer)[1]} )"],
                            capture_output=True, text=True, check=True).stdout
    return {f"socket:[{inode}]": int(port)
            for port, inode in re.findall(r":(\d+) +ino:(\d+) ", listed)}


def holders(peer):
    """{process: the clients' ports of the connections it holds}. What waits in a queue belongs to
    nobody."""
    ports = accepted(peer)
    held = {pid: [] for pid in peer.pids()}
    for pid, clients in held.items():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            clients += [ports[target] for target in sockets_of(pid) if target in ports]
    return held


def sockets_of(pid):
    """What its descriptors point to."""
    for entry in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"/proc/{pid}/fd/{entry}")


def open_connections(peer):
    """How many each of its processes holds."""
    return [len(clients) for clients in holders(peer).values()]


def max_to_mean(peer):
    """Of the connections that are open now."""
    counts = open_connections(peer)
    return max(counts) / (sum(counts) / peer.workers) if sum(counts) else 1.0


# ---- connections that are kept ----

def steady(peer, count, seconds):
    """Keeps `count` connections open, each for a random time; the ratios, sampled all along."""
    chance = random.Random(count)
    deaths, ratios = [], []
    now = start = time.monotonic()
    for number in range(count):
        connection = socket.create_connection(endpoint(peer))
        deaths.append((now + chance.expovariate(1 / MEAN_LIFE), number, connection))
    heapq.heapify(deaths)
    number = count
    next_sample = start + 4 * MEAN_LIFE  # by then the first ones are gone
    while now < start + 4 * MEAN_LIFE + seconds:
        while deaths[0][0] <= now:
            deaths[0][2].close()
            connection = socket.create_connection(endpoint(peer))
            number += 1
            heapq.heapreplace(deaths, (now + chance.expovariate(1 / MEAN_LIFE), number, connection))
        if now >= next_sample:
            ratios.append(max_to_mean(peer))
            next_sample = now + 0.05
        time.sleep(max(0.0, min(deaths[0][0], now + 0.005) - time.monotonic()))
        now = time.monotonic()
    for _, _, connection in deaths:
        connection.close()
    return ratios


def burst(peer, count, times):
    """Opens `count` connections at once, so often; the ratio once all are accepted."""
    ratios = []
    for _ in range(times):
        until(lambda: sum(open_connections(peer)) == 0, "all connections are closed")
        connections = []
        for _ in range(count):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(endpoint(peer))
            connections.append(connection)
        until(lambda: sum(open_connections(peer)) == count, "all connections are accepted")
        ratios.append(max_to_mean(peer))
        for connection in connections:
            connection.close()
    return ratios


# ---- short requests, with a worker that is held up ----

def hold(peer, count):
    """(process, connections): so many open ones, all of them of one worker."""
    ours = {}  # by our port
    while True:
        held = holders(peer)
        victim = max(held, key=lambda pid: len(held[pid]))
        if len(held[victim]) == count:
            break
        connection = socket.create_connection(endpoint(peer))
        ours[connection.getsockname()[1]] = connection
        until(lambda: sum(open_connections(peer)) == len(ours), "it is accepted")
    for port in set(ours) - set(held[victim]):
        ours.pop(port).close()
    until(lambda: sum(open_connections(peer)) == count, "the others are closed")
    return victim, list(ours.values())


@contextlib.contextmanager
def busy_worker(peer):
    """One worker has a few clients, who keep it from everything else for BUSY of every BUSY + FREE
    seconds. It is stopped instead, so that it is the same for every server."""
    victim, clients = hold(peer, CLIENTS)
    is_over = threading.Event()

    def hold_up():
        while not is_over.wait(FREE):
            os.kill(victim, signal.SIGSTOP)
            time.sleep(BUSY)
            os.kill(victim, signal.SIGCONT)

    thread = threading.Thread(target=hold_up)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        for client in clients:
            client.close()


def latencies(address, rate, seconds):
    """Seconds from connect to the end of the answer, of requests that begin at a fixed rate whatever
    becomes of the earlier ones, each on a connection of its own."""
    host, port = address.rsplit(":", 1)
    poll = select.epoll()
    began, times = {}, []
    start = time.monotonic()
    total = int(rate * seconds)
    begun = 0
    while len(times) < total:
        now = time.monotonic()
        while begun < total and now >= start + begun / rate:
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex((host, int(port)))
            began[connection.fileno()] = (connection, start + begun / rate)
            poll.register(connection, select.EPOLLOUT)
            begun += 1
        due = start + begun / rate if begun < total else now + 1
        for fd, events in poll.poll(max(0.0, due - time.monotonic())):
            connection, since = began[fd]
            if events & select.EPOLLOUT:
                connection.send(GET)
                poll.modify(fd, select.EPOLLIN)
            elif not connection.recv(65536):
                times.append(time.monotonic() - since)
                poll.unregister(fd)
                del began[fd]
                connection.close()
    poll.close()
    return times
