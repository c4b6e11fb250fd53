"""A sender and its receivers, which are processes of their own (listeners.py)."""
import collections
import json
import mmap
import pathlib
import subprocess
import sys
import tempfile
import time

from tests.bench.websockets.listeners import STAMP, TICK
from tests.support.wait import until
from tests.support.websocket import BINARY, WebSocketWire, frame

PER_PROCESS = 16_000  # receivers, of 20,000 descriptors
MILLION = 1e6


class Room:
    """Receivers who are in, and counted. prefix: a program that execs, such as ip netns exec."""

    def __init__(self, address, path, receivers, size, prefix=(), source="127.0.1."):
        self.address, self.path, self.size = address, path, size
        self.prefix, self.receivers = list(prefix), 0
        shares = [PER_PROCESS] * (receivers // PER_PROCESS) + [receivers % PER_PROCESS]
        self.shares = [share for share in shares if share]
        self.sources = [f"{source}{2 + i}" if source.endswith(".") else source for i in range(len(self.shares))]
        self.board = tempfile.NamedTemporaryFile(prefix="sh-board-")
        self.board.truncate(8 * len(self.shares))
        self.rows = memoryview(mmap.mmap(self.board.fileno(), 0)).cast("Q")
        self.processes = []

    def __enter__(self):
        for i, share in enumerate(self.shares):
            self.processes.append(subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "tests.bench.websockets.listeners", self.address, self.path,
                 self.sources[i], str(share), str(self.size), self.board.name, str(i)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=pathlib.Path(__file__).parents[3]))
        for process in self.processes:
            line = process.stdout.readline()
            self.receivers += json.loads(line)["open"] if line else 0
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.board.close()

    def came(self):
        """Messages that all of them have had so far."""
        return sum(self.rows)

    def finish(self):
        """The reports, added up."""
        total = collections.Counter()
        delays, least = collections.Counter(), []
        for process in self.processes:
            process.stdin.close()
            report = json.loads(process.stdout.readline())
            process.wait()
            delays.update({int(tick): count for tick, count in report.pop("delays").items()})
            least.append(report.pop("least"))
            total.update(report)
        return {**total, "least": min(least, default=0), "delays": delays}


class Sender(WebSocketWire):
    """It is in the room as well, and reads what comes to it only so that nobody waits."""

    def __init__(self, address, path, size):
        super().__init__(address, path)
        self.socket.setblocking(False)
        self.filler, self.sent = b"x" * (size - STAMP.size), 0

    def say(self):
        """The next message."""
        self.read_all()
        payload = STAMP.pack(self.sent, time.monotonic_ns()) + self.filler
        self.socket.setblocking(True)
        self.send(frame(BINARY, payload))
        self.socket.setblocking(False)
        self.sent += 1

    def read_all(self):
        """Passes over its own."""
        try:
            while self.socket.recv(1 << 18):
                pass
        except BlockingIOError:
            pass


def flood(room, sender, seconds, window):
    """Says the next message when all but `window` of those before have come to all; seconds it took until
    all had all. For so many seconds, or until nothing came for a while."""
    begin = time.monotonic()
    end = begin + seconds
    first = sender.sent
    base = room.came()
    while time.monotonic() < end:
        if room.came() - base >= (sender.sent - first - window + 1) * room.receivers:
            sender.say()
        else:
            time.sleep(0.0002)
    due = base + (sender.sent - first) * room.receivers
    until(lambda: room.came() >= due, "everybody has had everything", 60,
          explain=lambda: f"{room.came():,} of {due:,}")
    return time.monotonic() - begin


def quantiles(delays):
    """{"p50_ms", "p99_ms", "p999_ms", "max_ms"} of a histogram of ticks."""
    total = sum(delays.values())
    found, seen = {}, 0
    marks = collections.deque((("p50_ms", 0.5), ("p99_ms", 0.99), ("p999_ms", 0.999), ("max_ms", 1)))
    for tick in sorted(delays):
        seen += delays[tick]
        while marks and seen >= marks[0][1] * total:
            found[marks.popleft()[0]] = (tick + 1) * TICK / MILLION
    return found
