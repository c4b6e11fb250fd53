"""Each system call of the lifecycle fails once: whatever was asked for may fail, nothing else may.

Which calls an action makes is found out by tracing it; TABLE says with what they fail.
"""
import contextlib
import os
import signal
import unittest

from tests.support import processes
from tests.support.case import ManagedCase
from tests.support.daemon import basic_config
from tests.support.faults import Injection, Trace
from tests.support.http import Wire
from tests.support.wait import until

GET = "GET /whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
BASE, MORE = 2, 4  # workers
QUEUED = 12
MOST_FAILURES = 4  # of an action: each may have waited for its deadline
PATIENCE = 2.0  # s for an answer that may be lost; who asks once more gets one

TABLE = {  # of each call: with what it fails; the first error also at its last occurrence
    "socket": ("EMFILE", "EPERM"),
    "bind": ("ENOMEM", "EPERM"),
    "listen": ("ENOMEM", "EADDRINUSE"),
    "setsockopt": ("ENOMEM", "EPERM", "EBUSY"),
    "getsockopt": ("ENOMEM",),
    "getsockname": ("ENOMEM",),
    "clone": ("ENOMEM", "EAGAIN"),
    "pipe2": ("EMFILE",),
    "socketpair": ("EMFILE", "ENOMEM"),
    "memfd_create": ("EMFILE", "ENOMEM"),
    "ftruncate": ("ENOMEM",),
    "mmap": ("ENOMEM",),
    "openat": ("EMFILE", "EPERM"),
    "sendmsg": ("ENOMEM", "EPERM"),
    "recvmsg": ("ENOMEM",),
    "pidfd_open": ("EMFILE", "ENOMEM"),
    "epoll_ctl": ("ENOMEM", "EPERM"),
    "timerfd_settime": ("ENOMEM",),
    "fcntl": ("EMFILE",),
    "chmod": ("EPERM",),
    "rename": ("ENOSPC", "EBUSY"),
    "write": ("ENOSPC",),
    "bpf": ("ENOMEM", "EPERM", "EBUSY"),
    "unlink": ("EBUSY",),
}


class FaultCase(ManagedCase):
    """A daemon under load that goes from fault to fault."""

    load_runs = True

    def setUp(self):
        self.failed = 0
        self.fresh()

    def fresh(self):
        """A daemon that nothing has happened to."""
        self.daemon = self.ready(basic_config(
            workers=BASE, pool='max_workers = 8\nrestart_delay = "10ms"\nrestart_delay_max = "50ms"'))
        self.running = self.load(self.daemon, short=4, slow=10, rate=200,
                                 slow_after_ms=10_000) if self.load_runs else None

    def sweep(self, act, prepare=lambda: None):
        """Every call that `act` makes fails once."""
        prepare()
        with Trace(self.daemon.pid) as trace:
            act()
        self.assert_invariants()
        self.sweep_calls(trace.calls(), act, prepare)

    def sweep_calls(self, calls, act, prepare=lambda: None):
        """One case a call and error."""
        cases = [(call, error, when) for call, errors in TABLE.items() if calls[call]
                 for error, when in [*((error, 1) for error in errors), (errors[0], calls[call])]]
        self.assertGreater(len(cases), 10, calls)
        hits = 0
        for call, error, when in dict.fromkeys(cases):
            with self.subTest(call=call, error=error, when=when), self.counting_failures():
                prepare()
                hits += self.one_case(call, error, when, act)
                self.assert_invariants()
            if self.failed > MOST_FAILURES:
                self.fail("too many failures to go on")
        # The order of calls may vary from time to time, but most must have been met.
        self.assertGreater(hits, len(set(cases)) // 2)

    def one_case(self, call, error, when, act):
        """Acts with the fault; how often it was met."""
        with Injection(self.daemon.pid, call, error, when) as fault:
            act()
        return fault.hits

    @contextlib.contextmanager
    def counting_failures(self):
        """After a failure the next case gets a daemon of its own."""
        try:
            yield
        except Exception:
            self.failed += 1
            log = self.daemon.log()
            self.daemon.end()
            self.fresh()
            print(f"\n--- {self.id()}\n{log}", flush=True)
            raise

    def assert_invariants(self):
        """Alive, or adopted by the next one; every slot is served; nothing lost; goes on working."""
        daemon = self.daemon
        if self.is_over():  # Restart=on-failure
            daemon.start()
            daemon.ready()
        self.wait_settled()
        self.assertEqual(daemon.scale(MORE).status, 200)
        self.assert_all_serve(daemon, MORE)
        self.assertEqual(daemon.scale(BASE).status, 200)
        self.assert_not_more_processes(daemon, BASE)
        if self.running:
            self.assertEqual(self.running.so_far()["failed"], 0, self.running.so_far().summary())

    def wait_settled(self):
        """As many workers as are wanted are there, and no other; or the supervisor has ended."""
        def settled():
            if self.is_over():
                return True
            wanted = self.daemon.admin("GET", "/v1/pools/web").json()["desired"]
            return [worker["state"] for worker in self.daemon.workers()] == ["ready"] * wanted
        until(lambda: self.told(settled), "as many workers as are wanted", explain=self.explain)

    def is_over(self):
        """Whether the fault was the end of this supervisor."""
        return self.daemon.process.poll() is not None

    def told(self, ask):
        """An answer; None if the admin process loses, or has no, connection to the supervisor."""
        daemon, patience = self.daemon, self.daemon.admin_timeout
        daemon.admin_timeout = PATIENCE
        try:
            return ask()
        except (KeyError, OSError):
            return None
        finally:
            daemon.admin_timeout = patience

    def explain(self):
        """What is there instead."""
        return f"{self.told(self.daemon.workers)}\n{self.daemon.log()}"


class Faults(FaultCase):
    """Actions that lose nothing."""

    def test_scale_up(self):
        """The answer may be an error."""
        self.sweep(lambda: self.settled_after(lambda: self.daemon.scale(MORE)))

    def test_scale_down(self):
        """Steering may fail; then nobody drains."""
        self.sweep(lambda: self.settled_after(lambda: self.daemon.scale(BASE)),
                   prepare=lambda: (self.daemon.scale(MORE), self.daemon.wait_workers(MORE)))

    def test_reload(self):
        """Succeeds or is taken back."""
        self.sweep(lambda: self.settled_after(self.daemon.reload))

    def settled_after(self, act):
        """Does it, and waits for the outcome, whatever that is."""
        self.told(act)
        self.wait_settled()

    def test_restart(self):
        """SIGTERM: the state may not be saved, the end must come all the same."""
        self.sweep(self.terminate)

    def terminate(self):
        """Its status may be any."""
        self.daemon.process.terminate()
        self.daemon.exit_status()


class FaultsAtCrash(FaultCase):
    """A worker dies; without load, since what it has accepted dies with it. Queued ones must not."""

    load_runs = False

    def test_worker_crash(self):
        """Killed with connections in its queue: they are answered."""
        self.sweep(self.crash, prepare=self.fill_queues)

    def fill_queues(self):
        """Freezes all workers, and has connections wait for each."""
        self.workers = list(self.daemon.pids().values())
        for pid in self.workers:
            os.kill(pid, signal.SIGSTOP)
        for pid in self.workers:
            until(lambda p=pid: processes.stat_fields(p)[0] == "T", f"{pid} stopped")
        self.wires = [Wire(self.daemon.address("web")) for _ in range(QUEUED)]
        for wire in self.wires:
            wire.send(GET)

    def crash(self):
        """Kills one worker, lets the other go on; everybody in the queues is answered."""
        victim, *others = self.workers
        os.kill(victim, signal.SIGKILL)
        for pid in others:
            os.kill(pid, signal.SIGCONT)

        def succeeded():
            pids = self.daemon.pids().values()
            return victim not in pids and len(pids) == BASE
        until(lambda: self.is_over() or self.told(succeeded), "a successor", explain=self.explain)
        if self.is_over():
            self.daemon.start()
            self.daemon.ready()
        self.assertEqual([wire.receive().status for wire in self.wires], [200] * QUEUED)
        for wire in self.wires:
            wire.close()


if __name__ == "__main__":
    unittest.main()
