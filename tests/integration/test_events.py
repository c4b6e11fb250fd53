"""What has happened: numbered, kept, counted, over the command line and HTTP, across supervisors."""
import json
import os
import subprocess
import unittest

from tests.support.case import ManagedCase
from tests.support.daemon import basic_config
from tests.support.metrics import scrape
from tests.support.paths import program
from tests.support.wait import until


def number_of(values, event):
    """How often an event has happened, as the metrics have it."""
    return values[f'sockherd_events_total{{event="{event}"}}']


class Events(ManagedCase):
    """One supervisor and its successor."""

    def events(self, daemon, since=1, limit=1000):
        """The answer of /v1/events."""
        return daemon.admin("GET", f"/v1/events?since={since}&limit={limit}").json()

    def names(self, daemon):
        """Of all that can be had."""
        return [event["event"] for event in self.events(daemon)["events"]]

    def test_the_life_of_a_worker(self):
        """Each transition with pool, slot, generation, process and cause; numbers without a gap."""
        daemon = self.ready(basic_config(workers=2))
        victim = daemon.pids()[1]
        os.kill(victim, 11)
        until(lambda: "worker-crashed" in self.names(daemon), "the crash", explain=daemon.log)
        daemon.wait_workers(2)
        page = self.events(daemon)
        mine = [event for event in page["events"] if event.get("pid") == victim]
        self.assertEqual([event["event"] for event in mine],
                         ["worker-started", "worker-ready", "worker-crashed"])
        crash = mine[-1]
        self.assertEqual((crash["pool"], crash["slot"], crash["generation"], crash["level"]),
                         ("web", 1, 1, "warning"))
        self.assertIn("SEGV", crash["detail"])
        numbers = [event["sequence"] for event in page["events"]]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertEqual((page["first"], page["next"], page["lost"]), (1, len(numbers) + 1, 0))
        times = [event["time_us"] for event in page["events"]]
        self.assertEqual(times, sorted(times))

    def test_who_asked_for_what(self):
        """Over HTTP, on the command line, by a signal; refused ones too."""
        daemon = self.ready(basic_config(workers=2))
        daemon.scale(3)
        daemon.ctl("scale", "web", "2", check=0)
        daemon.ctl("scale", "web", "99999")
        daemon.process.send_signal(1)
        until(lambda: "reloaded" in self.names(daemon), "the reload", explain=daemon.log)
        asked = [event["detail"] for event in self.events(daemon)["events"]
                 if event["event"] == "change-asked"]
        for detail, (what, who) in zip(asked, [
                ("scale web 3", "admin, "), ("scale web 2", "sockherdctl, "),
                ("scale web 99999", "sockherdctl, "), ("reload", "SIGHUP")], strict=True):
            self.assert_in([what, who], detail)
        self.assertIn("change-refused", self.names(daemon))

    def test_a_reload_says_why_it_failed(self):
        """One event, 422 and status 6 for a bad file."""
        daemon = self.ready(basic_config())
        daemon.rewrite("[pool.web]\nworkers = true\n")
        self.assertEqual(daemon.reload().status, 422)
        done = daemon.ctl("reload", "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["failure"]),
                         (6, "configuration"), done)
        self.assertEqual(self.names(daemon).count("reload-failed"), 2)

    def test_numbers_and_counts_go_on(self):
        """After kill -9 and after a restart; what the dead one had seen is counted as lost."""
        daemon = self.ready(basic_config(workers=2))
        for how in ("kill -9", "restart"):
            with self.subTest(how):
                seen, counted = self.events(daemon)["next"], scrape(daemon)
                if how == "restart":
                    daemon.restart()
                else:
                    daemon.crash()
                daemon.wait_workers(2)
                page = self.events(daemon)
                self.assertGreaterEqual(page["first"], seen)
                self.assertEqual(page["lost"], page["first"] - 1)
                self.assertEqual(page["events"][0]["event"], "starting", page["events"][:3])
                now = self.assert_counters_grow(daemon, counted)
                self.assertEqual(now["sockherd_supervisor_starts_total"],
                                 counted["sockherd_supervisor_starts_total"] + 1)
                self.assertEqual(number_of(now, "worker-adopted"),
                                 number_of(counted, "worker-adopted") + 2)

    def test_a_reader_follows_across_supervisors(self):
        """One object a line, nothing twice, in order; the end of the pipe is the end of it."""
        daemon = self.ready(basic_config(workers=2))
        with subprocess.Popen(
                [program("sockherdctl"), "--socket", str(daemon.runtime / "control"), "events",
                 "--follow", "--json", "--timeout", "30s"], stdout=subprocess.PIPE, text=True) as ctl:
            self.addCleanup(ctl.kill)
            seen = []

            def read_until(name):
                while not seen or seen[-1]["event"] != name:
                    line = ctl.stdout.readline()
                    self.assertTrue(line, f"it ended before {name}: {seen}")
                    seen.append(json.loads(line))
            read_until("ready")
            daemon.crash()
            read_until("starting")
            read_until("ready")
            numbers = [event["sequence"] for event in seen]
            self.assertEqual(numbers, sorted(set(numbers)))
            ctl.stdout.close()
            daemon.scale(3)
            self.assertEqual(ctl.wait(timeout=20), 0)


if __name__ == "__main__":
    unittest.main()
