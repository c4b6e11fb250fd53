"""Bad input: a clear error with the remedy, a status from the table, at once and before READY."""
import os
import subprocess
import unittest

from tests.support.case import DaemonCase, ManagedCase
from tests.support.daemon import basic_config
from tests.support.paths import program

USAGE, PERMISSION, CONFIGURATION, OTHER = 2, 4, 6, 1
LISTENER = "\n[listener.other]\naddress = \"127.0.0.1:1\"\n"

FAULTS = {  # a change of the good configuration: what the message must name
    "unknown option": (("workers = 2", "wokers = 2"), [":5:1:", "wokers", "workers"]),
    "unknown section": (("[pool.web]", "[pol.web]"), [":", "pol", "pool"]),
    "wrong type": (("workers = 2", 'workers = "many"'), [":5:", "workers", "many"]),
    "bool for a number": (("workers = 2", "workers = true"), [":5:", "workers"]),
    "out of bounds": (("workers = 2", "workers = 0"), [":5:", "workers", "1"]),
    "no duration": (("workers = 2", "workers = 2\ndrain_timeout = true"),
                    [":6:", "drain_timeout", "30s"]),
    "no toml": (("workers = 2", "workers = = 2"), [":5:"]),
    "no such listener": (('listeners = ["web"]', 'listeners = ["wbe"]'), [":4:", "wbe", "web"]),
    "pool without listener": (('listeners = ["web"]', ""), ["pool", "listener"]),
    "listener without pool": (("[pool.web]", LISTENER + "[pool.web]"), ["other", "pool"]),
    "route without target": (('module = "demo"', 'index = "x"'), ["files", "module"]),
    "unknown module": (('module = "demo"', 'module = "dmeo"'), ["dmeo", "demo"]),
    "key twice": (("workers = 2", "workers = 2\nworkers = 3"), [":6:", "workers"]),
}


class BadInput(DaemonCase):
    """Configuration and command line."""

    def assert_refused(self, daemon, status, needles):
        """Ends with that status, says these words, was never ready and left nothing behind."""
        self.assertEqual(daemon.start_status(), status, daemon.log())
        self.assert_in(needles, daemon.log())
        self.assertIsNone(daemon.notify.find("READY"))

    def run_sockherd(self, *arguments):
        """A run that ends by itself."""
        return subprocess.run([program("sockherd"), *arguments], text=True, capture_output=True,
                              timeout=30, env={"PATH": "/usr/bin:/bin"})

    def test_faults_in_the_file(self):
        """By starting, and by --check, with the same words."""
        for name, ((old, new), needles) in FAULTS.items():
            with self.subTest(name):
                config = basic_config().replace(old, new)
                self.assertIn(new, config)
                daemon = self.launch(config)
                self.assert_refused(daemon, CONFIGURATION, needles)
                checked = self.run_sockherd("--config", str(daemon.config), "--check")
                self.assertEqual(checked.returncode, CONFIGURATION)
                self.assert_in(needles, checked.stdout + checked.stderr)

    def test_all_faults_at_once(self):
        """Not one a run."""
        text = basic_config().replace("workers = 2", "wokers = 2\nstart_timeout = []\nbogus = 1")
        daemon = self.launch(text)
        self.assert_refused(daemon, CONFIGURATION, [":5:", ":6:", ":7:"])

    def test_file_that_cannot_be_read(self):
        """Missing, a directory, forbidden."""
        self.assertEqual(self.run_sockherd("--config", "/nonexistent/x").returncode, CONFIGURATION)
        self.assert_in(["/nonexistent/x", "no such file"],
                       self.run_sockherd("--config", "/nonexistent/x").stderr)
        done = self.run_sockherd("--config", "/tmp")
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assert_in("/tmp", done.stderr)

    def test_command_line(self):
        """Unknown options with the nearest name; --set with a fault; help and version."""
        done = self.run_sockherd("--cnofig", "x")
        self.assertEqual(done.returncode, USAGE)
        self.assert_in(["--cnofig"], done.stderr)
        self.assertEqual(self.run_sockherd("extra").returncode, USAGE)
        for flag in ("--help", "--version"):
            done = self.run_sockherd(flag)
            self.assertEqual((done.returncode, done.stderr), (0, ""), flag)
        daemon = self.launch(arguments=["--set", "pool.web.wokers=3"])
        self.assert_refused(daemon, CONFIGURATION, ["--set", "wokers", "workers"])

    def test_set_and_environment_go_before_the_file(self):
        """Flags > environment > file."""
        daemon = self.ready(environment={"SOCKHERD_POOL__WEB__WORKERS": "3"})
        self.assertEqual(len(daemon.wait_workers(3)), 3)
        daemon = self.ready(environment={"SOCKHERD_POOL__WEB__WORKERS": "3"},
                            arguments=["--set", "pool.web.workers=4"])
        self.assertEqual(len(daemon.wait_workers(4)), 4)

    def test_check_of_a_good_file(self):
        """Status 0 and no socket is touched."""
        daemon = self.launch(arguments=["--check"])
        self.assertEqual(daemon.exit_status(), 0, daemon.log())

    def test_more_workers_than_descriptors(self):
        """Says how many it takes and how to get them."""
        daemon = self.launch(basic_config(workers=200), prefix=["prlimit", "--nofile=64:64"])
        self.assertIn(daemon.start_status(), (OTHER, CONFIGURATION), daemon.log())
        self.assert_in(["LimitNOFILE", "64"], daemon.log())

    def test_more_than_the_limit_at_run_time(self):
        """Scaling beyond it is refused; those that run go on."""
        daemon = self.ready(basic_config(workers=2, pool="max_workers = 500"),
                            prefix=["prlimit", "--nofile=128:128"])
        answer = daemon.scale(400)
        self.assertIn(answer.status, (422, 503), answer)
        self.assertEqual(daemon.get("/plaintext").status, 200)
        self.assertEqual(len(daemon.wait_workers(2)), 2)

    def test_worker_that_cannot_be_executed(self):
        """Stage and errno: not found, not executable, no program."""
        plain = f"/tmp/sh-plain-{os.getpid()}"
        with open(plain, "w", encoding="ascii") as file:
            file.write("no program")
        self.addCleanup(os.unlink, plain)
        cases = {"/nonexistent/server": "install it, or say in command where it is (", plain: "permission denied"}
        for path, words in cases.items():
            with self.subTest(path):
                config = f'[listener.web]\n[pool.web]\nlisteners = ["web"]\nworkers = 2\n' \
                         f'command = ["{path}"]\n'
                daemon = self.launch(config)
                self.assertNotIn(daemon.start_status(), (0, None), daemon.log())
                self.assert_in([path, words, "exec", f"{daemon.config}:5:11)"], daemon.log())
                checked = daemon.ctl("check", str(daemon.config), check=0)
                self.assert_in([f"warning: {daemon.config}:5:11: pool.web.command: ", path], checked.stderr)
                self.assertIsNone(daemon.notify.find("READY"))

    def test_runtime_directory_that_cannot_be_used(self):
        """A file where the directory should be."""
        daemon = self.launch(arguments=["--set", "daemon.runtime_directory=/dev/null"])
        self.assertNotIn(daemon.start_status(), (0, None), daemon.log())
        self.assert_in("/dev/null", daemon.log())


class AfterACrash(ManagedCase):
    """The file may make no sense at the moment when nobody asked for a start."""

    def test_the_configuration_before_goes_on(self):
        """Nobody is replaced, everybody is told, and the file is read again when it is asked for."""
        daemon = self.ready(basic_config(workers=3))
        before = daemon.pids()
        load = self.mixed_load(daemon)
        load.after(50)
        daemon.rewrite(basic_config(workers=3).replace("workers", "wokers"))
        for _ in range(2):
            daemon.crash()
            self.assertEqual(daemon.pids(), before)
            status = daemon.admin("GET", "/v1/status").json()
            self.assertIn("wokers", str(status), status)
        self.assertIn("configuration-broken", daemon.log())
        self.assertNotEqual(daemon.reload().status, 200)
        daemon.rewrite(basic_config(workers=4))
        self.assertEqual(daemon.reload().status, 200)
        self.assert_all_serve(daemon, 4)
        daemon.crash()
        self.assert_all_serve(daemon, 4)
        self.assert_nothing_lost(load.stop(), daemon)


if __name__ == "__main__":
    unittest.main()
