"""sockherdctl: verbs, JSON, exit codes."""
import json
import unittest

from tests.support.case import DaemonCase, SharedDaemonCase
from tests.support.daemon import basic_config

USAGE, UNREACHABLE, BAD_CONFIG, FAILED = 2, 3, 6, 1


class Reading(SharedDaemonCase):
    """Verbs that change nothing."""

    def json(self, *arguments):
        """What a verb says with --json."""
        return json.loads(self.daemon.ctl(*arguments, "--json", check=0).stdout)

    def test_status(self):
        """For people and for programs."""
        self.assert_in(["web", "2"], self.daemon.ctl("status", check=0).stdout)
        self.assertIn(str(self.daemon.pid), json.dumps(self.json("status")))

    def test_workers_and_listeners(self):
        """Of all pools and of one."""
        pids = {str(worker["pid"]) for worker in self.daemon.workers()}
        for arguments in (("workers",), ("workers", "web")):
            self.assert_in(pids, self.daemon.ctl(*arguments, check=0).stdout)
            self.assert_in(pids, json.dumps(self.json(*arguments)))
        self.assert_in(self.daemon.address("web"), self.daemon.ctl("listeners", check=0).stdout)
        self.json("listeners")

    def test_no_escape_sequences_without_a_terminal(self):
        """Output goes to a pipe here."""
        for verb in ("status", "workers", "listeners"):
            self.assertNotIn("\x1b", self.daemon.ctl(verb).stdout)

    def test_versions_and_help(self):
        """On standard output, with status 0."""
        for arguments in (("--help",), ("-h",), ("scale", "--help"), ("--version",), ("version",)):
            with self.subTest(arguments):
                done = self.daemon.ctl(*arguments, check=0)
                self.assertTrue(done.stdout)
                self.assertEqual(done.stderr, "")
        self.assertLessEqual(max(map(len, self.daemon.ctl("--help").stdout.splitlines())), 80)

    def test_usage_errors(self):
        """Status 2, on standard error, with the nearest name."""
        for arguments in (("statsu",), ("--jsno", "status"), ("scale",), ("scale", "web"),
                          ("scale", "web", "many"), ("scale", "web", "1", "2"), ()):
            with self.subTest(arguments):
                done = self.daemon.ctl(*arguments)
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done)
                self.assertTrue(done.stderr)
        self.assert_in("status", self.daemon.ctl("statsu").stderr)

    def test_no_such_pool(self):
        """Status 1, and which there are."""
        done = self.daemon.ctl("scale", "none", "2")
        self.assertEqual(done.returncode, FAILED)
        self.assert_in("none", done.stderr)

    def test_daemon_that_is_not_there(self):
        """Status 3."""
        done = self.daemon.ctl("--socket", "/tmp/no-such-socket", "status")
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assert_in("/tmp/no-such-socket", done.stderr)

    def test_check(self):
        """0 for a good file; 6 with every fault, each with its place, for a bad one."""
        self.daemon.ctl("check", str(self.daemon.config), check=0)
        bad = self.daemon.directory / "bad.toml"
        bad.write_text(basic_config().replace("workers = 2", "wokers = 2\nbogus = 1"))
        done = self.daemon.ctl("check", str(bad), check=BAD_CONFIG)
        self.assert_in([f"{bad}:5:1:", f"{bad}:6:1:", "workers"], done.stdout + done.stderr)
        self.assertIn(self.daemon.ctl("check", "/nonexistent").returncode, (FAILED, BAD_CONFIG))
        faults = json.loads(self.daemon.ctl("check", str(bad), "--json", check=BAD_CONFIG).stdout)
        self.assertIn("wokers", json.dumps(faults))

    def test_config_init_is_a_good_configuration(self):
        """Every option is documented, the file loads; an existing file is not overwritten."""
        sample = self.daemon.directory / "sample.toml"
        self.daemon.ctl("config", "init", str(sample), check=0)
        self.daemon.ctl("check", str(sample), check=0)
        self.assert_in(["workers", "drain_timeout", "max_body_size"], sample.read_text())
        self.assertNotEqual(self.daemon.ctl("config", "init", str(sample)).returncode, 0)
        self.daemon.ctl("config", "init", str(sample), "--force", check=0)
        self.assertEqual(self.daemon.ctl("config", "init", check=0).stdout, sample.read_text())


class Steering(DaemonCase):
    """Verbs that change something."""

    def test_scale(self):
        """And the answer says from where to where."""
        daemon = self.ready()
        done = daemon.ctl("scale", "web", "3", check=0)
        self.assert_in(["2", "3"], done.stdout + done.stderr)
        daemon.wait_workers(3)
        done = daemon.ctl("scale", "web", "100000")
        self.assertEqual(done.returncode, FAILED, done)
        json.loads(daemon.ctl("scale", "web", "2", "--json", check=0).stdout)
        daemon.wait_workers(2)

    def test_reload(self):
        """Waits and says how long it took; a bad file fails with the reason."""
        daemon = self.ready()
        before = {worker["pid"] for worker in daemon.workers()}
        self.assertTrue(json.loads(daemon.ctl("reload", "--json", check=0).stdout)["ok"])
        self.assertFalse(before & {worker["pid"] for worker in daemon.wait_workers(2)})
        daemon.ctl("reload", "--wait", check=0)
        daemon.rewrite("[pool.web]\nworkers = true\n")
        done = daemon.ctl("reload")
        self.assertIn(done.returncode, (FAILED, BAD_CONFIG), done)
        self.assert_in([f"{daemon.config}:2:"], done.stdout + done.stderr)

    def test_restart(self):
        """Of one slot, then of all."""
        daemon = self.ready()
        before = {worker["slot"]: worker["pid"] for worker in daemon.workers()}
        daemon.ctl("restart", "web", "1", check=0)
        after = {worker["slot"]: worker["pid"] for worker in daemon.wait_workers(2)}
        self.assertEqual((before[0], before[1] == after[1]), (after[0], False))
        daemon.ctl("restart", "web", check=0)
        last = {worker["slot"]: worker["pid"] for worker in daemon.wait_workers(2)}
        self.assertFalse(set(last.values()) & set(after.values()))
        self.assertEqual(daemon.ctl("restart", "web", "77").returncode, FAILED)


if __name__ == "__main__":
    unittest.main()
