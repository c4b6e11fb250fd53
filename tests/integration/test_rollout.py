"""How a reload replaces workers: how many at a time, what counts as good, and what is taken back."""
import os
import signal
import time
import unittest

from tests.support.case import ManagedCase
from tests.support.daemon import basic_config, stub_config
from tests.support.http import HalfRequest
from tests.support.metrics import scrape
from tests.support.wait import until

ECHO = (200, b"0123456789")


class RolloutCase(ManagedCase):
    """What all of these need."""

    def flag(self, exists=True):
        """A file that stubs look at."""
        path = f"/tmp/sh-flag-{os.getpid()}"
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        if exists:
            with open(path, "w", encoding="ascii"):
                pass
        return path

    def watch_reload(self, daemon, workers):
        """Reloads, and follows the states of all workers by the events: none of them is missing, however slow
        the machine is. After each of them: (event, old ready, new ready, all but draining)."""
        since = daemon.admin("GET", "/v1/events?since=1&limit=1000").json()["next"]
        answer = daemon.reload()
        self.assertEqual(answer.status, 200, f"{answer}\n{daemon.log()}")
        daemon.wait_workers(workers)
        page = daemon.admin("GET", f"/v1/events?since={since}&limit=1000").json()
        self.assertEqual((page["first"], page["lost"]), (1, 0))
        seen, ready, there = [("", workers, 0, workers)], {False: workers, True: 0}, workers
        generation = daemon.whoami()["generation"]
        for event in page["events"]:
            is_new = event.get("generation") == generation
            there += {"worker-started": 1, "worker-draining": -1}.get(event["event"], 0)
            ready[is_new] += {"worker-ready": 1, "worker-draining": -1}.get(event["event"], 0)
            seen.append((event["event"], ready[False], ready[True], there))
        self.assertEqual(seen[-1][1:], (0, workers, workers), seen)
        return seen

    def markers(self, daemon, count=60):
        """The configurations that answer."""
        return {daemon.whoami()["marker"] for _ in range(count)}


class Steps(RolloutCase):
    """max_surge, max_unavailable, batch."""

    def roll(self, pool, workers=4):
        """One reload under load with these options; what was seen, and the log of it."""
        daemon = self.ready(basic_config(workers=workers, pool=pool + '\nready_for = "150ms"'))
        before = daemon.pids()
        load = self.load(daemon, short=6)
        load.after(100)
        seen = self.watch_reload(daemon, workers)
        self.assertFalse(set(daemon.pids().values()) & set(before.values()))
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assert_all_serve(daemon, workers)
        return seen, daemon.log()

    def test_max_surge(self):
        """No more than so many beside the old ones, and none of those goes before."""
        seen, _ = self.roll("max_surge = 1")
        self.assertEqual(max(total for _, _, _, total in seen), 5, seen)
        self.assertGreaterEqual(min(old + new for _, old, new, _ in seen), 4, seen)

    def test_no_limit_by_default(self):
        """All at once: eight for a moment."""
        seen, _ = self.roll("")
        self.assertEqual(max(total for _, _, _, total in seen), 8, seen)

    def test_max_unavailable(self):
        """No room beside the old ones: one goes first, but never two."""
        seen, log = self.roll("max_surge = 0\nmax_unavailable = 1")
        self.assertEqual(max(total for _, _, _, total in seen), 4, seen)
        self.assertEqual(min(old + new for _, old, new, _ in seen), 3, seen)
        for slot in range(4):
            self.assertLess(log.index(f"worker-exited pool=web slot={slot} generation=1"),
                            log.index(f"worker-ready pool=web slot={slot} generation=2"), log)

    def test_batch(self):
        """Two by two: never one of each."""
        seen, _ = self.roll("batch = 2")
        self.assertEqual(max(total for _, _, _, total in seen), 6, seen)
        self.assertEqual({old for event, old, _, _ in seen if event in ("worker-started", "worker-ready")}, {4, 2}, seen)


class Good(RolloutCase):
    """ready_for and max_failures."""

    def test_worker_that_ends_soon_after_it_was_ready(self):
        """ready_for: not good enough, everything stays as it was."""
        daemon = self.ready(stub_config(marker="one"))
        before = daemon.pids()
        load = self.load(daemon, short=4)
        load.after(50)
        flag = self.flag()
        bad = stub_config("--end-when-ready", flag, marker="two",
                          pool='ready_for = "5s"\nrestart_delay = "20ms"')
        daemon.rewrite(bad)
        answer = daemon.reload()
        self.assertEqual(answer.status, 500, answer)
        self.assert_in("exit 4", answer.body.decode())
        load.after(50)
        self.assertEqual(daemon.pids(), before)
        self.assertEqual(self.markers(daemon), {"one"})
        self.assert_nothing_lost(load.stop(), daemon)

    def test_roll_back(self):
        """The first two are replaced already when the third one fails: all come back."""
        daemon = self.ready(stub_config(workers=4, marker="one"))
        load = self.load(daemon, short=4)
        load.after(50)
        flag = self.flag()
        daemon.rewrite(stub_config("--crash-slot", "2", "--while", flag, workers=4, marker="two",
                                   pool='batch = 1\nmax_failures = 2\nrestart_delay = "20ms"'))
        self.assertEqual(daemon.admin("POST", "/v1/reload?wait=0", {}).status, 202)
        daemon.wait_log("worker-ready pool=web slot=1 generation=2")
        until(lambda: daemon.admin("GET", "/v1/status").json()["state"] == "running",
              "the end of the reload", explain=daemon.log)
        status = daemon.admin("GET", "/v1/status").json()
        self.assertFalse(status["last_reload_ok"])
        self.assert_in("exit 3", " ".join(status["last_reload_reasons"]))
        daemon.wait_workers(4)
        daemon.wait_all_answer(4)
        self.assertEqual(self.markers(daemon), {"one"})
        os.unlink(flag)
        self.assertEqual(daemon.reload().status, 200)
        daemon.wait_workers(4)  # until it has ended, one that was told to go may have accepted once more
        self.assertEqual(self.markers(daemon), {"two"})
        load.after(50)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_failures_that_are_allowed(self):
        """One may fail where two are too many; where one is too many it may not."""
        for most, status, marker in ((1, 500, "one"), (2, 200, "two")):
            with self.subTest(max_failures=most):
                daemon = self.ready(stub_config(workers=3, marker="one"))
                load = self.load(daemon, short=4)
                load.after(50)
                daemon.rewrite(stub_config(
                    "--crash-once", self.flag(), workers=3, marker="two",
                    pool=f'batch = 1\nmax_failures = {most}\nrestart_delay = "20ms"'))
                self.assertEqual(daemon.reload().status, status, daemon.log())
                daemon.wait_workers(3)
                self.assertEqual(self.markers(daemon), {marker})
                load.after(50)
                self.assert_nothing_lost(load.stop(), daemon)


class Generations(RolloutCase):
    """max_generations, max_age, max_requests."""

    def test_oldest_is_forced_out(self):
        """Clients keep every generation busy; beyond the cap the oldest goes, and is counted."""
        daemon = self.ready(basic_config(workers=1, pool='max_generations = 3\n'
                                                         'drain_timeout = "10m"'))
        busy, asked = [], 0
        for _ in range(5):
            pid = daemon.pids()[0]
            while not busy or busy[-1].pid != pid:  # the worker before accepts once more
                wire = HalfRequest(daemon.address("web"), at=pid)
                self.addCleanup(wire.close)
                asked += 1
                if wire.pid == pid:
                    busy.append(wire)
            asked += 1
            until(lambda: scrape(daemon).total("sockherd_http_requests_total") >= asked,  # pylint: disable=cell-var-from-loop
                  "the half request is read; idle, the connection would move")
            self.assertEqual(daemon.reload().status, 200)
        until(lambda: len(daemon.worker_processes()) == 3, "three generations",
              explain=lambda: f"{daemon.workers()}\n{daemon.log()}")
        until(lambda: scrape(daemon).total("sockherd_worker_exits_total", 'reason="forced_out"') == 3,
              "three that were forced out", explain=daemon.log)  # they are told of after they are gone
        self.assertEqual([wire.finish() for wire in busy[-2:]], [ECHO] * 2)
        self.assert_not_more_processes(daemon, 1)

    def test_max_requests(self):
        """Each worker is replaced after its share, one at a time, without a gap."""
        daemon = self.ready(basic_config(workers=3, pool="max_requests = 500"))
        before = set(daemon.pids().values())
        load = self.mixed_load(daemon)
        until(lambda: not before & set(daemon.pids().values()) and len(daemon.pids()) == 3,
              "everybody is replaced", explain=daemon.log)
        load.after(200)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_max_age(self):
        """The same by time; a generation stays the same."""
        daemon = self.ready(basic_config(workers=3, pool='max_age = "1s"'))
        before, generation = set(daemon.pids().values()), daemon.whoami()["generation"]
        load = self.mixed_load(daemon)
        until(lambda: not before & set(daemon.pids().values()) and len(daemon.pids()) == 3,
              "everybody is replaced", explain=daemon.log)
        self.assertEqual(daemon.whoami()["generation"], generation)
        load.after(200)
        self.assert_nothing_lost(load.stop(), daemon)


class LameDuck(RolloutCase):
    """lame_duck: 503 first, and only then the end."""

    def test_readyz_says_503_while_everything_is_served(self):
        """Until it is over, or a second signal says at once."""
        daemon = self.ready(basic_config() + '[daemon]\nlame_duck = "10m"\n', stop_means=None)
        self.assertEqual(daemon.admin("GET", "/readyz").status, 200)
        mark = daemon.notify.mark()
        daemon.signal(signal.SIGTERM)
        until(lambda: daemon.admin("GET", "/readyz").status == 503, "503", explain=daemon.log)
        self.assertEqual({daemon.get("/plaintext").status for _ in range(20)}, {200})
        self.assertEqual(daemon.admin("GET", "/livez").status, 200)
        self.assertEqual(scrape(daemon).total("sockherd_lame_duck"), 1)
        self.assertIsNone(daemon.process.poll())
        daemon.signal(signal.SIGTERM)
        self.assert_stopped(daemon, mark)

    def test_it_is_over_after_the_time_that_was_configured(self):
        """Without another signal."""
        daemon = self.ready(basic_config() + '[daemon]\nlame_duck = "300ms"\n', stop_means=None)
        mark, begun = daemon.notify.mark(), time.monotonic()
        daemon.signal(signal.SIGTERM)
        self.assert_stopped(daemon, mark)
        self.assertGreaterEqual(time.monotonic() - begun, 0.3)

    def assert_stopped(self, daemon, mark):
        """In order, and the manager was told."""
        self.assertEqual(daemon.exit_status(), 0)
        daemon.notify.flush()
        self.assertIsNotNone(daemon.notify.find("STOPPING", "1", since=mark))

    def test_not_at_a_restart(self):
        """Nobody shall go elsewhere: there is no gap."""
        daemon = self.ready(basic_config() + '[daemon]\nlame_duck = "10m"\n')
        daemon.restart()
        self.assertEqual(daemon.admin("GET", "/readyz").status, 200)


if __name__ == "__main__":
    unittest.main()
