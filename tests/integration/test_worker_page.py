"""The programs of sockherd-worker(7), taken out of the page as a reader would, run, and reloaded under load."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from tests.support import examples
from tests.support.case import ManagedCase
from tests.support.paths import ROOT

PAGE = ROOT / "man/sockherd-worker.7"
ESCAPES = {r"\e": "\\", r"\-": "-", r"\(dq": '"', r"\(aq": "'"}


def shown(heading):
    """The text between .EX and .EE behind a heading of the page, as man(1) shows it."""
    page = PAGE.read_text(encoding="utf-8")
    part = re.split(rf"^\.S[HS] {heading}$", page, flags=re.MULTILINE)[1]
    text = re.search(r"^\.EX\n(.*?)^\.EE$", part, re.MULTILINE | re.DOTALL)[1]
    return re.sub(r"\\(e|-|\(dq|\(aq)", lambda escape: ESCAPES[escape[0]], text)


class WorkerPage(ManagedCase):
    """Each language: serves on every slot, and a reload loses nobody."""

    def folder(self):
        """Of its own, for one program."""
        directory = tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp")
        self.addCleanup(directory.cleanup)
        return pathlib.Path(directory.name)

    def script(self, heading):
        """The program of that language, as a file that can be executed."""
        path = self.folder() / "hello"
        path.write_text(shown(heading), encoding="utf-8")
        path.chmod(0o755)
        return path

    def compiled(self):
        """The one in C, by the command in its first line."""
        folder, text = self.folder(), shown("C")
        (folder / "hello.c").write_text(text, encoding="utf-8")
        command = re.match(r"/\* (cc [^;]*);", text)[1].split()
        subprocess.run([*command, "-Wall", "-Wextra", "-Werror"], cwd=folder, check=True)
        return folder / "hello"

    def check(self, program, ready=None, **kinds):
        """The pool of the page with this program."""
        config = shown("EXAMPLES")
        self.assertEqual(config.count('"/srv/hello/hello"'), 1)
        config = config.replace("/srv/hello/hello", os.fspath(program)).replace('"[::]:8080"', '"127.0.0.1:8080"')
        if ready:
            config = config.replace("{ notify = true }", ready)
        daemon = self.ready(config)
        daemon.wait_workers(2)
        seen = set()
        for _ in range(200):
            answer = daemon.get("/")
            self.assertEqual(answer.status, 200)
            seen.add(answer.body)
            if len(seen) == 2:
                break
        self.assertEqual(seen, {b"slot 0\n", b"slot 1\n"})
        before = daemon.pids()
        load = self.load(daemon, path="/", timeout_ms=20_000, slow_after_ms=5000, **{"rate": 250, **kinds})
        load.after(100)
        for _ in range(3):
            answer = daemon.reload()
            self.assertEqual(answer.status, 200, f"{answer.body}\n{daemon.log()}")
            load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertFalse(set(before.values()) & set(daemon.pids().values()), "reloads replace the workers")

    def test_c(self):
        """One client after the other, so without those that keep it waiting."""
        self.check(self.compiled(), short=8)

    def test_python(self):
        """A thread for each client."""
        self.check(self.script("Python"), short=6, slow=4)

    def test_node(self):
        """Also clients that keep their connections."""
        rule = re.search(r"^\.B ready = (.*)$", PAGE.read_text(encoding="utf-8").split(".SS Node")[1], re.MULTILINE)[1]
        self.check(self.script("Node"), rule.replace(r"\(dq", '"'), **examples.ALL_KINDS)


class Extraction(unittest.TestCase):
    """The examples keep what is promised of them."""

    def test_ten_lines(self):
        """Without includes, blank lines, comments of their own and lines of brackets only."""
        for heading in ("C", "Python", "Node"):
            lines = [line for line in shown(heading).splitlines()
                     if re.search(r"\w", line) and not re.match(r"#|/\*|import ", line)]
            self.assertLessEqual(len(lines), 12, heading)


if __name__ == "__main__":
    unittest.main()
