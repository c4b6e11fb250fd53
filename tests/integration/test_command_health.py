"""Programs that are not ours and that hang, crash again and again, or grow: seen from outside, and at nobody
else's expense."""
import os
import pathlib
import signal
import unittest

from tests.support.case import ManagedCase
from tests.support.crowd import Crowd
from tests.support.daemon import mute_config, stub_config
from tests.support.metrics import scrape
from tests.support.processes import command_line
from tests.support.wait import until

READY = 'ready = { connect = true }\n'
QUICK = 'restart_delay = "20ms"\nrestart_delay_max = "100ms"\n'


class HealthCase(ManagedCase):
    """Programs that say nothing."""

    def file(self, name, text=""):
        """A path for a program to look at, removed at the end."""
        path = pathlib.Path(f"/tmp/sh-{name}-{os.getpid()}")
        path.write_text(text, encoding="ascii")
        self.addCleanup(lambda: path.unlink(missing_ok=True))
        return path

    def hangs(self, daemon):
        """{reason: how many}."""
        now = scrape(daemon)
        return {reason: now.total("sockherd_worker_hangs_total", f'reason="{reason}"')
                for reason in ("loop", "queue", "watchdog")}

    def queues(self, daemon):
        """How many wait for each slot."""
        now = scrape(daemon)
        return [now.total("sockherd_listener_accept_queue_length", f'slot="{slot}"') for slot in daemon.pids()]

    def freeze(self, pid):
        """It stands still."""
        os.kill(pid, signal.SIGSTOP)

    def wait_replaced(self, daemon, victim, count):
        """Its slot has another worker."""
        until(lambda: victim not in daemon.pids().values() and len(daemon.pids()) == count,
              f"{victim} is replaced", explain=lambda: f"{daemon.workers()}\n{daemon.log()}")


class Hang(HealthCase):
    """Connections wait, and none is accepted."""

    def test_frozen_under_load(self):
        """What it had accepted is lost with it; once it is replaced nothing is lost nor late."""
        clients = 12
        daemon = self.ready(mute_config(workers=3, pool=READY + 'hang_timeout = "1s"'))
        load = self.load(daemon, short=clients, timeout_ms=20_000)
        load.after(200)
        victim = daemon.pids()[1]
        self.freeze(victim)
        self.wait_replaced(daemon, victim, 3)
        until(lambda: not pathlib.Path(f"/proc/{victim}").exists(), "its end", explain=daemon.log)
        daemon.wait_all_answer(3)
        load.after(200)  # those that waited for it have their answers
        noticed = load.so_far()
        load.after(2000)
        report = load.stop()
        explain = f"{report.summary()}\n{daemon.log()}"
        self.assertLessEqual(report.lost, 1, explain)  # one thread, so it has one request at a time
        self.assertEqual(report.lost, noticed.lost, explain)
        self.assertEqual(report["slow"], noticed["slow"], explain)
        self.assertLessEqual(report["slow"], clients, explain)  # that is, all of them once, and none again
        self.assertEqual(self.hangs(daemon), {"loop": 0, "queue": 1, "watchdog": 0})
        self.assertIn('worker-hung pool=web slot=1', daemon.log())
        self.assertIn("connections wait and none is accepted", daemon.log())
        self.assertIn("worker-stalls pool=web slot=1", daemon.log())

    def test_frozen_while_all_have_queues(self):
        """More come than all together can take, so those at the same port move all the time, and nobody's queue
        gets shorter."""
        daemon = self.ready(mute_config(workers=3, pool=READY + 'hang_timeout = "1s"'))
        before = daemon.pids()
        with Crowd(daemon.address("web"), "/slow?20", rate=500):  # 150 a second is all that three can do
            until(lambda: min(self.queues(daemon)) > 3, "queues", explain=daemon.log)
            self.freeze(before[1])
            self.wait_replaced(daemon, before[1], 3)
        until(lambda: not any("--relay" in command_line(pid) for pid in daemon.living()),
              "whoever has taken over the queue is done", explain=daemon.log)
        self.assertEqual({slot: pid for slot, pid in daemon.pids().items() if slot != 1},
                         {slot: pid for slot, pid in before.items() if slot != 1}, daemon.log())
        self.assertEqual(self.hangs(daemon)["queue"], 1)

    def test_the_only_one(self):
        """Nobody else can take its connections; they wait for its successor."""
        daemon = self.ready(mute_config(workers=1, pool=READY + 'hang_timeout = "1s"'))
        load = self.load(daemon, short=4, timeout_ms=20_000, slow_after_ms=15_000)
        load.after(50)
        victim = daemon.pids()[0]
        self.freeze(victim)
        self.wait_replaced(daemon, victim, 1)
        load.after(50)
        report = load.stop()
        self.assertLessEqual(report.lost, 1, f"{report.summary()}\n{daemon.log()}")
        self.assertEqual(self.hangs(daemon)["queue"], 1)

    def test_a_queue_that_is_never_empty_is_no_hang(self):
        """One thread, and always somebody who waits: as many come as go."""
        daemon = self.ready(mute_config(workers=1, pool=READY + 'hang_timeout = "300ms"'))
        before = daemon.pids()
        load = self.load(daemon, short=16, path="/slow?20", slow_after_ms=15_000)
        load.after(150)  # ten times hang_timeout
        report = load.stop()
        self.assertEqual(report.lost, 0, f"{report.summary()}\n{daemon.log()}")
        self.assertEqual(daemon.pids(), before, daemon.log())
        self.assertEqual(self.hangs(daemon), {"loop": 0, "queue": 0, "watchdog": 0})

    def test_nobody_waits(self):
        """A program that has nothing to do does not hang, even if it does nothing."""
        daemon = self.ready(mute_config(workers=2, pool=READY + 'hang_timeout = "200ms"'),
                            watchdog_usec=400_000)
        before = daemon.pids()
        for pid in before.values():
            self.freeze(pid)
        mark = daemon.notify.mark()
        until(lambda: sum(message.get("WATCHDOG") == "1" for message in daemon.notify.messages[mark:]) >= 8,
              "1.6 s by the watchdog")
        for pid in before.values():
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(daemon.pids(), before)

    def test_one_that_stalls_and_goes_on(self):
        """Its siblings get the new ones meanwhile; it is not ended, and nothing is lost."""
        daemon = self.ready(mute_config(workers=2, pool=READY + 'hang_timeout = "8s"'))
        before = daemon.pids()
        load = self.load(daemon, short=8, timeout_ms=60_000, slow_after_ms=60_000)
        load.after(50)
        self.freeze(before[1])
        until(lambda: any(worker.get("stalling") for worker in daemon.workers()), "it stalls", explain=daemon.log)
        others = {daemon.whoami()["slot"] for _ in range(20)}
        self.assertEqual(others, {0}, daemon.log())
        os.kill(before[1], signal.SIGCONT)
        until(lambda: not any(worker.get("stalling") for worker in daemon.workers()), "it goes on",
              explain=daemon.log)
        self.assertIn("worker-goes-on", daemon.log())
        daemon.wait_all_answer(2)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertEqual(daemon.pids(), before)
        self.assertEqual(self.hangs(daemon)["queue"], 0)

    def test_adopted(self):
        """The next supervisor looks at those that it has not started, too."""
        daemon = self.ready(mute_config(workers=2, pool=READY + 'hang_timeout = "1s"'))
        daemon.crash()
        victim = daemon.pids()[1]
        self.freeze(victim)
        load = self.load(daemon, short=8, timeout_ms=20_000, slow_after_ms=15_000)
        self.wait_replaced(daemon, victim, 2)
        load.after(50)
        self.assertLessEqual(load.stop().lost, 1)
        self.assertEqual(self.hangs(daemon)["queue"], 1)


class Watchdog(HealthCase):
    """WATCHDOG=1, from the first one on."""

    def test_late(self):
        """It says it for a while, and then no more; nobody waits for it."""
        beats = self.file("beats")
        daemon = self.ready(stub_config("--beat-while", str(beats), workers=2, pool='hang_timeout = "500ms"'))
        self.assertEqual(daemon.whoami()["watchdog"], "500000")
        before = daemon.pids()
        mark = daemon.notify.mark()
        self.assertGreaterEqual(mark, 0)
        until(lambda: all(worker["uptime_seconds"] > 1.5 for worker in daemon.workers()), "three times that long")
        self.assertEqual(daemon.pids(), before)
        beats.unlink()
        until(lambda: self.hangs(daemon)["watchdog"] == 2, "both are found", explain=daemon.log)
        self.assertIn("WATCHDOG=1 is late", daemon.log())
        daemon.wait_workers(2)
        self.assertFalse(set(daemon.pids().values()) & set(before.values()))

    def test_never_said(self):
        """Nobody has to."""
        daemon = self.ready(stub_config(workers=1, pool='hang_timeout = "200ms"'))
        before = daemon.pids()
        until(lambda: daemon.workers()[0]["uptime_seconds"] > 1, "five times that long")
        self.assertEqual(daemon.pids(), before)


    def test_trigger(self):
        """It says itself that it is lost: it is ended and replaced at once, though its patience is long."""
        lost = self.file("lost")
        lost.unlink()
        daemon = self.ready(stub_config("--trigger", str(lost), workers=2, pool='hang_timeout = "10m"'))
        before = set(daemon.pids().values())
        lost.touch()
        until(lambda: self.hangs(daemon)["watchdog"] == 1, "it is found", explain=daemon.log)
        self.assertIn("it says so itself", daemon.log())
        until(lambda: len(daemon.pids()) == 2 and len(set(daemon.pids().values()) & before) == 1,
              "the one is replaced, and the other is not", explain=daemon.log)
        self.assertEqual(sum(self.hangs(daemon).values()), 1)


class CrashLoop(HealthCase):
    """A slot whose program cannot live."""

    def test_at_nobody_elses_expense(self):
        """It gets no connections that would wait for the next one."""
        flag = self.file("crash")
        flag.unlink()
        daemon = self.ready(mute_config("--crash-slot", "1", "--while", str(flag), "--after", "0.3", workers=3,
                                        pool='ready = { alive = "50ms" }\n' + QUICK))
        daemon.wait_workers(3)
        load = self.load(daemon, short=12, timeout_ms=20_000)
        load.after(100)
        flag.touch()
        until(lambda: any(worker.get("probation") for worker in daemon.workers()), "it is on probation",
              explain=lambda: f"{daemon.workers()}\n{daemon.log()}")
        load.after(200)
        begun = load.so_far()
        crashes = daemon.log().count("worker-crashed pool=web slot=1")
        until(lambda: daemon.log().count("worker-crashed pool=web slot=1") >= crashes + 5, "it crashes on",
              explain=daemon.log)
        load.after(200)
        report = load.stop()
        explain = f"{report.summary()}\n{daemon.log()}"
        self.assertEqual(report.lost, 0, explain)  # it ends between two requests
        self.assertEqual(report["slow"], begun["slow"], explain)
        flag.unlink()
        daemon.wait_workers(3)
        until(lambda: not any(worker.get("probation") for worker in daemon.workers()), "it has shown that it lasts")
        daemon.wait_all_answer(3)


class Memory(HealthCase):
    """max_memory."""

    def test_one_at_a_time(self):
        """Whoever has grown is replaced by one that has not; nobody notices."""
        grows = self.file("grows")
        daemon = self.ready(mute_config("--grow", str(grows), workers=2, pool=READY + 'max_memory = "120MiB"'))
        before = set(daemon.pids().values())
        load = self.load(daemon, short=2)
        until(lambda: "max_memory" in daemon.log(), "one is worn", explain=daemon.log)
        grows.unlink()
        until(lambda: len(set(daemon.pids().values()) & before) < 2 and len(daemon.pids()) == 2, "it is replaced",
              explain=daemon.log)
        load.after(50)
        self.assert_nothing_lost(load.stop(), daemon)


if __name__ == "__main__":
    unittest.main()
