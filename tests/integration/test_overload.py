"""More than blocking handlers can do: whoever is accepted waits for those before it and for nobody else, all others
are told at once to come back later, and nothing grows.

The handlers wait at a gate that the test opens once a request, so no clock decides anything.
"""
import contextlib
import pathlib
import selectors
import unittest

from tests.support.case import DaemonCase
from tests.support.gate import Gate
from tests.support.http import Wire
from tests.support.metrics import scrape
from tests.support.paths import bin_dir
from tests.support.wait import until

THREADS, DEPTH = 2, 20
CAPACITY = THREADS + DEPTH
TIMES = 10
GROWTH = 1 << 20  # bytes of a worker that thousands of rejected requests may leave behind
ROUNDS = 20


class Overload(DaemonCase):
    """One worker."""

    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)
        self.request = f"GET /gate?fifo={self.gate.path} HTTP/1.1\r\nHost: x\r\n\r\n"

    def daemon_with(self, threads=THREADS, **more):
        """A daemon whose handlers are gates."""
        options = "".join(f"{name} = {value}\n" for name, value in more.items())
        self.daemon = self.ready(f"""
[listener.web]
[pool.web]
listeners = ["web"]
workers = 1
blocking_threads = {threads}
queue_depth = {DEPTH}
{options}
routes = [{{ path = "/", module = "{bin_dir() / 'test_blocking.so'}" }}]
""")
        return self.daemon

    def count(self, name, *labels):
        """Of the metrics."""
        return int(scrape(self.daemon).total(f"sockherd_blocking_{name}", *labels))

    def until_counts(self, **wanted):
        """Until these are so."""
        until(lambda: {name: self.count(name) for name in wanted} == wanted, f"{wanted}",
              explain=lambda: {name: self.count(name) for name in wanted})

    def ask(self, count, stack):
        """So many connections with a request on each."""
        wires = [stack.enter_context(Wire(self.daemon.address("web"))) for _ in range(count)]
        for wire in wires:
            wire.send(self.request)
        return wires

    def full(self, stack, threads=THREADS):
        """The connections of all that can be accepted, in the order in which they were: one at a time."""
        accepted = []
        for i in range(threads + DEPTH):
            accepted += self.ask(1, stack)
            self.until_counts(running=min(i + 1, threads), queued=max(0, i + 1 - threads))
        return accepted

    def assert_told_to_come_back(self, wire):
        """503 with Retry-After; the connection serves on."""
        answer = wire.receive()
        self.assertEqual(answer.status, 503)
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)

    def assert_silent(self, wires):
        """Nothing has come on any of them."""
        with selectors.DefaultSelector() as selector:
            for wire in wires:
                selector.register(wire.socket, selectors.EVENT_READ)
            self.assertEqual(selector.select(0), [])

    def test_ten_times_what_it_can_hold(self):
        self.daemon_with(queue_timeout='"10m"')
        with contextlib.ExitStack() as stack:
            accepted = self.full(stack)
            others = self.ask((TIMES - 1) * CAPACITY, stack)
            for wire in others:  # while the gate is closed: nobody waited for a handler
                self.assert_told_to_come_back(wire)
            self.assert_silent(accepted)
            self.assertEqual(self.count("rejected_total", 'reason="queue_full"'), len(others))
            self.gate.open(CAPACITY)
            for wire in accepted:
                self.assertEqual(wire.receive().status, 200)
        self.assertEqual(self.count("started_total"), CAPACITY)

    def test_nobody_overtakes(self):
        self.daemon_with(threads=1, queue_timeout='"10m"')
        with contextlib.ExitStack() as stack:
            accepted = self.full(stack, threads=1)
            for i, wire in enumerate(accepted):
                others = self.ask(TIMES, stack) if i == 0 else []
                for other in others:
                    self.assert_told_to_come_back(other)
                self.assert_silent(accepted[i:])
                self.gate.open()
                self.assertEqual(wire.receive().status, 200)

    def test_who_waits_too_long_is_told_so_and_is_not_served_later(self):
        self.daemon_with(queue_timeout='"100ms"')
        with contextlib.ExitStack() as stack:
            running = self.ask(THREADS, stack)
            self.until_counts(running=THREADS)
            for wire in self.ask(DEPTH, stack):
                self.assert_told_to_come_back(wire)
            self.assertEqual(self.count("rejected_total", 'reason="queue_timeout"'), DEPTH)
            self.assert_silent(running)
            self.gate.open(THREADS)
            for wire in running:
                self.assertEqual(wire.receive().status, 200)
            self.until_counts(running=0, queued=0, started_total=THREADS)

    def test_memory_stays_flat(self):
        self.daemon_with(queue_timeout='"10m"')
        pid = self.daemon.pids()[0]
        with contextlib.ExitStack() as stack:
            accepted = self.full(stack)
            before = 0
            others = [stack.enter_context(Wire(self.daemon.address("web"))) for _ in range(100)]
            for i in range(ROUNDS):
                for wire in others:
                    wire.send(self.request)
                for wire in others:
                    self.assert_told_to_come_back(wire)
                before = before if i else resident(pid)  # after the first: what is made only once
            self.assertLess(resident(pid) - before, GROWTH)
            self.gate.open(CAPACITY)
            for wire in accepted:
                self.assertEqual(wire.receive().status, 200)


def resident(pid):
    """Bytes of memory of a process that are its own."""
    fields = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().split("Private_Dirty:")[1]
    return int(fields.split()[0]) * 1024


if __name__ == "__main__":
    unittest.main()
