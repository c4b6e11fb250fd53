"""sockherd --dev, and what sockherdctl new app writes: built with cmake, tested, served, reloaded."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from tests.support.daemon import reserved_port
from tests.support.http import request
from tests.support.modules import module
from tests.support.orphans import die_with_parent
from tests.support.paths import bin_dir, program
from tests.support.wait import until


class Development(unittest.TestCase):
    """One module, without a configuration."""

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp")))
        self.log_file = self.directory / "log"
        holder, self.port = reserved_port()
        self.addCleanup(holder.close)

    def log(self):
        """All that was said."""
        return self.log_file.read_text(errors="replace")

    def serve(self, path):
        """sockherd --dev."""
        with self.log_file.open("ab") as log:
            server = subprocess.Popen(
                [program("sockherd"), "--dev", str(path), "--port", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL))
        self.addCleanup(self.end, server)
        return server

    def end(self, server):
        """As Ctrl-C does."""
        server.terminate()
        server.wait(timeout=30)

    def get(self, path):
        """None while nobody serves."""
        try:
            return request(f"127.0.0.1:{self.port}", "GET", path).body
        except OSError:
            return None

    def put(self, source):
        """Another file in place of the module."""
        path = self.directory / "app.so"
        new = path.with_suffix(".new")
        shutil.copy(source, new)
        new.replace(path)
        return path

    def test_it_is_reloaded_on_change_and_a_broken_one_changes_nothing(self):
        """The next worker has the next file."""
        server = self.serve(self.put(module("probe")))
        first = until(lambda: self.get("/who"), "the first", explain=self.log)
        self.put(module("broken_abi"))
        until(lambda: "version 9999" in self.log(), "the reason", explain=self.log)
        self.assertEqual(self.get("/who"), first)
        self.put(module("probe"))
        until(lambda: self.get("/who") not in (None, first), "the next", explain=self.log)
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(timeout=30), 0, self.log())

    def test_it_waits_for_one_that_can_be_served(self):
        """The first one cannot."""
        self.serve(self.put(module("broken_setup")))
        until(lambda: "no-slash" in self.log(), "the reason", explain=self.log)
        self.put(module("probe"))
        until(lambda: self.get("/who"), "the next", explain=self.log)

    def test_it_says_what_is_missing(self):
        """No such file, no such port."""
        for arguments, needle in ((["--dev", "/nowhere/app.so"], "no such file"),
                                  (["--dev", "x.so", "--port", "0"], "1 to 65535")):
            done = subprocess.run([program("sockherd"), *arguments], capture_output=True, text=True,
                                  timeout=30, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(needle, done.stderr)


class NewApp(unittest.TestCase):
    """sockherdctl new app."""

    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(
            tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp")))

    def new_app(self, folder):
        """Its outcome."""
        return subprocess.run([program("sockherdctl"), "new", "app", str(folder)],
                              capture_output=True, text=True, timeout=30, check=False)

    def test_it_builds_and_its_test_passes(self):
        """With cmake, against this build."""
        folder = self.directory / "my app"
        done = self.new_app(folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        build = self.directory / "build"
        environment = dict(os.environ, CCACHE_BASEDIR=str(self.directory))
        launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        for command in (["cmake", "-S", folder, "-B", build, *launcher,
                         f"-Dsockherd_DIR={bin_dir().parent}/cmake"],
                        ["cmake", "--build", build],
                        ["ctest", "--test-dir", build, "--output-on-failure"]):
            ran = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                 timeout=170, check=False, env=environment)
            self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_it_overwrites_nothing(self):
        """Not even where only one of its files is there."""
        self.directory.joinpath("README.md").write_text("mine")
        done = self.new_app(self.directory)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("README.md is there already", done.stderr)
        self.assertEqual([file.name for file in self.directory.iterdir()], ["README.md"])


if __name__ == "__main__":
    unittest.main()
