"""Reload: new workers on the same sockets, nothing lost; a bad one changes nothing."""
import signal
import sys
import unittest

from tests.support import processes
from tests.support.case import DaemonCase
from tests.support.daemon import basic_config, stub_config
from tests.support.http import Wire
from tests.support.wait import until


def pids(daemon):
    """{slot: pid} of the serving workers."""
    return {worker["slot"]: worker["pid"] for worker in daemon.ready_workers()}


class Reload(DaemonCase):
    """What changes."""

    def assert_reloaded(self, answer):
        """The API says so."""
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.json()["ok"], answer)

    def test_unchanged_configuration_replaces_every_worker(self):
        """A new generation, all pids are new, the old ones end by themselves."""
        daemon = self.ready()
        before = pids(daemon)
        generation = daemon.whoami()["generation"]
        self.assert_reloaded(daemon.reload())
        daemon.wait_workers(2)
        after = daemon.wait_all_answer(2)
        self.assertFalse(set(before.values()) & set(after.values()))
        self.assertGreater(daemon.whoami()["generation"], generation)
        until(lambda: not any(map(processes.is_alive, before.values())), "the end of the old ones")

    def test_nothing_is_lost_under_every_kind_of_load(self):
        """Ten reloads, by all three ways, under short, keep-alive and slow connections."""
        daemon = self.ready()
        load = self.load(daemon, short=8, keepalive=40, slow=30, think_ms=300, latency_ms=50)
        load.after(500)
        for number in range(9):
            if number % 3 == 0:
                self.assert_reloaded(daemon.reload())
            elif number % 3 == 1:
                daemon.ctl("reload", check=0)
            else:
                mark = daemon.notify.mark()
                daemon.signal(signal.SIGHUP)
                daemon.notify.wait_for("READY", "1", since=mark, explain=daemon.log)
            load.after(100)
        load.after(500)
        report = load.stop()
        self.assert_nothing_lost(report, daemon)
        for mode in ("short", "keepalive", "slow"):
            self.assertGreater(report["modes"][mode]["ok"], 0)

    def test_changed_configuration(self):
        """Another number of workers, another route, another limit: in force afterwards."""
        daemon = self.ready()
        load = self.load(daemon, path="/plaintext")
        load.after(200)
        changed = basic_config(workers=4, pool='max_body_size = "1KiB"').replace(
            '{ path = "/", module = "demo" }',
            '{ path = "/", module = "demo" }, { path = "/new/", module = "demo" }')
        daemon.rewrite(changed)
        self.assert_reloaded(daemon.reload())
        self.assertEqual(len(daemon.wait_workers(4)), 4)
        self.assertEqual(daemon.get("/new/plaintext").status, 200)
        load.after(200)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_open_request_is_finished_by_the_old_worker(self):
        """The new ones serve meanwhile; the drained one says close behind its answer."""
        daemon = self.ready(basic_config(workers=1))
        with Wire(daemon.address("web")) as wire:
            wire.ask("GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n")
            wire.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
            self.assert_reloaded(daemon.reload())
            self.assertEqual(daemon.get("/plaintext").status, 200)
            answer = wire.ask("cd")
            self.assertEqual((answer.status, answer.body), (200, b"abcd"))
            self.assertTrue(wire.at_end())

    def test_workers_of_another_program(self):
        """A changed environment reaches the new ones; nothing is lost on the way."""
        daemon = self.ready(stub_config(marker="one"))
        self.assertEqual(daemon.whoami()["marker"], "one")
        load = self.load(daemon, short=6)
        load.after(100)
        daemon.rewrite(stub_config(marker="two", workers=3))
        self.assert_reloaded(daemon.reload())
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertEqual(daemon.whoami()["marker"], "two")
        daemon.wait_all_answer(3)

    def test_answer_at_once(self):
        """?wait=0: 202, and it happens all the same."""
        daemon = self.ready()
        before = set(pids(daemon).values())
        answer = daemon.admin("POST", "/v1/reload?wait=0", {})
        self.assertEqual(answer.status, 202)
        until(lambda: len(now := set(pids(daemon).values())) == 2 and not now & before,
              "new workers", explain=daemon.log)

    def test_reloads_on_top_of_each_other(self):
        """Many signals at once: at least one more reload, no more workers than wanted, none lost."""
        daemon = self.ready()
        before = set(pids(daemon).values())
        load = self.load(daemon)
        load.after(100)
        for _ in range(20):
            daemon.signal(signal.SIGHUP)
        until(lambda: not set(pids(daemon).values()) & before, "new workers", explain=daemon.log)
        daemon.wait_workers(2)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)


class BadReload(DaemonCase):
    """What must not change."""

    def assert_untouched(self, daemon, before, load):
        """Same processes, nothing lost."""
        load.after(100)
        self.assertEqual(pids(daemon), before)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertEqual(daemon.admin("GET", "/readyz").status, 200)

    def start(self, config=None):
        """A daemon under load, and who its workers are."""
        daemon = self.ready(config)
        load = self.load(daemon)
        load.after(100)
        return daemon, pids(daemon), load

    def test_broken_file(self):
        """Says where, in the answer of the API, of sockherdctl and in the log."""
        daemon, before, load = self.start()
        daemon.rewrite(basic_config().replace("workers = 2", "wokers = 2"))
        answer = daemon.reload()
        self.assertEqual(answer.status, 422, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        reasons = " ".join(error["detail"] for error in answer.json()["errors"])
        self.assert_in([f"{daemon.config}:5:1:", "wokers", "workers"], reasons)
        done = daemon.ctl("reload")
        self.assertNotEqual(done.returncode, 0)
        self.assert_in([":5:1:", "wokers"], done.stdout + done.stderr)
        self.assert_in([":5:1:"], daemon.log())
        status = daemon.admin("GET", "/v1/status").json()
        self.assertFalse(status["last_reload_ok"])
        self.assertEqual(status["reload_failures"], 2)
        self.assert_untouched(daemon, before, load)

    def test_no_toml_at_all(self):
        """And a good one works again."""
        daemon, before, load = self.start()
        daemon.rewrite("this is [ no toml")
        self.assertEqual(daemon.reload().status, 422)
        self.assert_untouched(daemon, before, load)
        daemon.rewrite(basic_config(workers=3))
        self.assertEqual(daemon.reload().status, 200)
        daemon.wait_workers(3)

    def test_file_is_gone(self):
        """ENOENT."""
        daemon, before, load = self.start()
        daemon.config.unlink()
        self.assertIn(daemon.reload().status, (422, 500))
        self.assert_untouched(daemon, before, load)

    def test_new_worker_cannot_be_executed(self):
        """Stage and errno are among the reasons."""
        daemon, before, load = self.start(stub_config())
        daemon.rewrite(stub_config().replace(sys.executable, "/nonexistent/python3"))
        answer = daemon.reload()
        self.assertEqual(answer.status, 500, answer)
        self.assert_in(["/nonexistent/python3", "no such file"], answer.body.decode())
        self.assert_untouched(daemon, before, load)

    def test_new_worker_exits(self):
        """With a status of its own, which is told."""
        daemon, before, load = self.start(stub_config())
        daemon.rewrite(stub_config("--crash-slot", "0", "--while", "/proc/self"))
        answer = daemon.reload()
        self.assertEqual(answer.status, 500, answer)
        self.assert_in(["exit 3"], " ".join(error["detail"] for error in answer.json()["errors"]))
        self.assert_untouched(daemon, before, load)

    def test_new_worker_never_says_ready(self):
        """start_timeout ends it, and with it the reload: that of the new configuration."""
        daemon, before, load = self.start(stub_config(start_timeout="10m"))
        daemon.rewrite(stub_config("--never-ready", start_timeout="300ms"))
        answer = daemon.reload()
        self.assertEqual(answer.status, 500, answer)
        self.assert_untouched(daemon, before, load)

    def test_directory_of_files_is_missing(self):
        """A route that cannot be served."""
        daemon, before, load = self.start()
        daemon.rewrite(basic_config().replace('module = "demo"', 'files = "/nonexistent"'))
        answer = daemon.reload()
        self.assertIn(answer.status, (422, 500), answer)
        self.assert_in(["/nonexistent"], answer.body.decode())
        self.assert_untouched(daemon, before, load)

    def test_reload_in_a_reload(self):
        """A second one is refused or waits, and both come to an end."""
        daemon = self.ready(stub_config())
        daemon.rewrite(stub_config("--never-ready", start_timeout="500ms"))
        first = daemon.admin("POST", "/v1/reload?wait=0", {})
        second = daemon.reload()
        self.assertEqual(first.status, 202)
        self.assertIn(second.status, (409, 500))
        until(lambda: daemon.admin("GET", "/v1/status").json()["state"] == "running",
              "the end of the reload")


if __name__ == "__main__":
    unittest.main()
