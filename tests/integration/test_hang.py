"""Workers that live and do nothing, and workers that do not live: what systemd and clients notice."""
import os
import signal
import time
import unittest

from tests.support import processes
from tests.support.case import ManagedCase
from tests.support.daemon import basic_config, stub_config
from tests.support.http import HalfRequest, Wire
from tests.support.metrics import scrape
from tests.support.wait import until

GET = "GET /whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LOST_WITH_A_PROCESS = ("reset", "eof", "short_answer")  # an accepted connection dies like this


def freeze(pid):
    """SIGSTOP, and waits until it has taken effect: from then on it does nothing at all."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: processes.stat_fields(pid)[0] == "T", f"{pid} stopped")


class HangCase(ManagedCase):
    """What all of these need."""

    def hung(self, daemon):
        """How many workers were ended for a hang."""
        return scrape(daemon).total("sockherd_worker_exits_total", 'reason="hang"')

    def wait_replaced(self, daemon, victim, count):
        """Waits for the end of the victim and for its successor."""
        until(lambda: not processes.is_alive(victim), "its end", explain=daemon.log)
        until(lambda: victim not in daemon.pids().values() and len(daemon.pids()) == count,
              "its successor", explain=lambda: f"{daemon.workers()}\n{daemon.log()}")


class Hang(HangCase):
    """SIGSTOP of a built-in worker stands for an endless loop."""

    def test_its_queue_is_taken_over(self):
        """Whoever waits in its socket is answered by a sibling, while it still stands there."""
        daemon = self.ready(basic_config(workers=3, pool='hang_timeout = "500ms"'))
        victim = daemon.wait_all_answer(3)[1]
        freeze(victim)
        waiting = [Wire(daemon.address("web")) for _ in range(90)]
        for wire in waiting:
            self.addCleanup(wire.close)
            wire.send(GET)
        answers = [wire.receive() for wire in waiting]
        self.assertEqual([answer.status for answer in answers], [200] * 90)
        self.assertNotIn(victim, {answer.json()["pid"] for answer in answers})
        self.wait_replaced(daemon, victim, 3)
        self.assertEqual(self.hung(daemon), 1)
        self.assert_all_serve(daemon, 3)

    def test_under_load(self):
        """Lost is what it had accepted; once it is noticed nothing more, not even late."""
        clients = 12
        daemon = self.ready(basic_config(workers=3, pool='hang_timeout = "500ms"'))
        load = self.load(daemon, short=clients, timeout_ms=20_000, slow_after_ms=15_000)
        load.after(200)
        victim = daemon.pids()[2]
        freeze(victim)
        self.wait_replaced(daemon, victim, 3)
        load.after(100)
        noticed = load.so_far()
        load.after(1000)
        report = load.stop()
        lost = sum(report[key] for key in LOST_WITH_A_PROCESS)
        self.assertEqual(report.lost, lost, f"{report.summary()}\n{daemon.log()}")
        self.assertLessEqual(lost, clients, report.summary())
        self.assertEqual((report.lost, report["slow"]), (noticed.lost, 0), report.summary())
        self.assertEqual(self.hung(daemon), 1)

    def test_it_is_asked_for_its_core_first(self):
        """SIGABRT, which one that runs again obeys; SIGKILL is for one that does not."""
        daemon = self.ready(basic_config(workers=2, pool='hang_timeout = "500ms"'))
        victim = daemon.pids()[0]
        freeze(victim)
        until(lambda: any(worker["pid"] == victim and worker["hung"] for worker in
                          daemon.workers()), "it is noticed", explain=daemon.log)
        os.kill(victim, signal.SIGCONT)
        self.wait_replaced(daemon, victim, 2)
        self.assertIn("ABRT", daemon.log())
        self.assertEqual(self.hung(daemon), 1)

    def test_all_of_them(self):
        """Nobody can take the queues over; they wait for the successors."""
        daemon = self.ready(basic_config(workers=2, pool='hang_timeout = "500ms"'))
        victims = set(daemon.wait_all_answer(2).values())
        for pid in victims:
            freeze(pid)
        waiting = [Wire(daemon.address("web")) for _ in range(40)]
        for wire in waiting:
            self.addCleanup(wire.close)
            wire.send(GET)
        answers = [wire.receive() for wire in waiting]
        self.assertEqual([answer.status for answer in answers], [200] * 40)
        self.assertFalse({answer.json()["pid"] for answer in answers} & victims)
        self.assert_all_serve(daemon, 2)

    def test_adopted_worker(self):
        """The next supervisor watches those that it has not started, too."""
        daemon = self.ready(basic_config(workers=2, pool='hang_timeout = "500ms"'))
        daemon.crash()
        victim = daemon.pids()[1]
        freeze(victim)
        self.wait_replaced(daemon, victim, 2)
        self.assertEqual(self.hung(daemon), 1)
        self.assert_all_serve(daemon, 2)

    def test_idle_and_waiting_workers_do_not_hang(self):
        """Nothing to do for several timeouts, or a request that does not go on."""
        daemon = self.ready(basic_config(workers=2, pool='hang_timeout = "300ms"'),
                            watchdog_usec=400_000)
        before = daemon.pids()
        with HalfRequest(daemon.address("web")) as wire:
            mark = daemon.notify.mark()
            until(lambda: sum(message.get("WATCHDOG") == "1" for message in
                              daemon.notify.messages[mark:]) >= 8, "1.6 s by the watchdog")
            self.assertEqual(wire.finish()[0], 200)
        self.assertEqual(daemon.pids(), before)
        self.assertEqual(self.hung(daemon), 0)


class WatchdogCase(HangCase):
    """What all of those about the watchdog need."""

    def pings(self, daemon, since):
        """When they came."""
        return [message.at for message in daemon.notify.messages[since:]
                if message.get("WATCHDOG") == "1"]

    def wait_pings(self, daemon, count):
        """Waits for as many more."""
        mark = daemon.notify.mark()
        until(lambda: len(self.pings(daemon, mark)) >= count, f"{count} pings", explain=daemon.log)

    def stub(self, daemon_options, pool=""):
        """A pool of two that can be made unable to start; (daemon, the switch for it)."""
        flag = f"/tmp/sh-crash-{os.getpid()}"
        self.addCleanup(lambda: os.path.exists(flag) and os.unlink(flag))
        pool += 'restart_delay = "20ms"\nrestart_delay_max = "100ms"\n'
        config = stub_config("--crash-slot", "all", "--while", flag, pool=pool)
        return self.ready(config + daemon_options, watchdog_usec=300_000), flag

    def break_all(self, daemon, flag):
        """No worker is left, and none can start."""
        with open(flag, "w", encoding="ascii"):
            pass
        for pid in daemon.pids().values():
            os.kill(pid, signal.SIGKILL)
        until(lambda: not daemon.pids(), "none is ready", explain=daemon.log)


class Watchdog(WatchdogCase):
    """WATCHDOG=1 says that the service serves, not only that the supervisor runs."""

    def test_first_one_right_after_ready(self):
        """systemd's clock runs from READY=1 on; the next one would be due after a minute. A start that takes
        long may have said so before, which is nothing to systemd."""
        daemon = self.ready(watchdog_usec=240_000_000)
        since = next(number for number, message in enumerate(daemon.notify.messages) if "READY" in message)
        daemon.notify.wait_for("WATCHDOG", "1", since=since)

    def test_share_of_zero(self):
        """watchdog_share = 0: the supervisor alone counts."""
        daemon, flag = self.stub("[daemon]\nwatchdog_share = 0\n")
        self.break_all(daemon, flag)
        self.wait_pings(daemon, 8)

    def test_one_of_two_is_enough(self):
        """50 percent is the default."""
        flag = f"/tmp/sh-half-{os.getpid()}"
        self.addCleanup(lambda: os.path.exists(flag) and os.unlink(flag))
        pool = 'restart_delay = "20ms"\nrestart_delay_max = "100ms"\n'
        daemon = self.ready(stub_config("--crash-slot", "1", "--while", flag, pool=pool),
                            watchdog_usec=300_000)
        with open(flag, "w", encoding="ascii"):
            os.kill(daemon.pids()[1], signal.SIGKILL)
        until(lambda: len(daemon.pids()) == 1, "one is ready", explain=daemon.log)
        self.wait_pings(daemon, 8)

    def test_a_pool_that_others_serve_without(self):
        """Eight of nine are missing; who would ask them answers, and another supervisor would not help."""
        daemon = self.ready('[listener.web]\n[pool.front]\nlisteners = ["web"]\nworkers = 1\n'
                            'routes = [{ path = "/", proxy = "pool:api" }]\n'
                            '[pool.api]\nworkers = 8\nhandover = "private-port"\n'
                            'command = ["/bin/false"]\nrestart_delay = "20ms"\nrestart_delay_max = "100ms"\n',
                            watchdog_usec=300_000)
        self.assertIn("pool-serves-without", daemon.log())
        self.wait_pings(daemon, 8)

    def test_withheld_while_too_few_serve(self):
        """Nobody serves: systemd may restart us. They come back: it need not."""
        daemon, flag = self.stub("")
        self.wait_pings(daemon, 3)
        self.break_all(daemon, flag)
        until(lambda: scrape(daemon).total("sockherd_watchdog_withheld") == 1, "it says so", explain=daemon.log)
        until(lambda: time.monotonic() - self.pings(daemon, 0)[-1] > 1.2,
              "no ping for four times the patience of systemd", explain=daemon.log)
        self.assertEqual(scrape(daemon).total("sockherd_watchdog_withheld"), 1)
        os.unlink(flag)
        daemon.wait_workers(2)
        self.wait_pings(daemon, 3)
        self.assertEqual(scrape(daemon).total("sockherd_watchdog_withheld"), 0)


if __name__ == "__main__":
    unittest.main()
