"""The completions, in the shells themselves: what each offers behind `sockherdctl ...`."""
import os
import pathlib
import pty
import re
import select
import shlex
import subprocess
import time
import unittest

from tests.support.case import DaemonCase
from tests.support.paths import ROOT, bin_dir

COMPLETIONS = ROOT / "packaging/completions"
QUOTED = shlex.quote(str(COMPLETIONS))
SECONDS = 30


class Shells(DaemonCase):
    """Verbs, the words of a verb, flags, and the pools of the running daemon."""

    CASES = {  # what stands there, and what must be offered
        "re": {"reload", "restart"},
        "config ": {"init", "show"},
        "events --": {"--since", "--limit", "--follow", "--json"},
        "scale ": {"web"},
        "--json restart ": {"web"},
    }

    def setUp(self):
        daemon = self.ready()
        self.environment = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": f"{bin_dir()}:{os.environ['PATH']}",
                            "SOCKHERD_CONTROL": str(daemon.runtime / "control")}

    def check(self, offered):
        """offered: of a line behind `sockherdctl `, as a set."""
        for line, wanted in self.CASES.items():
            with self.subTest(line=line):
                found = offered(line)
                self.assertLessEqual(wanted, found)
                self.assertNotIn("no-such-verb", found)
                if line == "re":
                    self.assertEqual(found, wanted)

    def run_shell(self, *command):
        done = subprocess.run(command, text=True, capture_output=True, timeout=SECONDS,
                              env=self.environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_bash(self):
        """As readline calls it."""
        def offered(line):
            words = ["sockherdctl", *line.split(), *([""] if line.endswith(" ") else [])]
            text = self.run_shell(
                "bash", "-c", f"source {QUOTED}/sockherdctl.bash\n"
                'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _sockherdctl\n'
                'printf "%s\\n" "${COMPREPLY[@]}"', "bash", *words)
            return set(text.split())
        self.check(offered)

    def test_fish(self):
        """By its own `complete -C`."""
        def offered(line):
            text = self.run_shell("fish", "--no-config", "-c",
                                  f"source {QUOTED}/sockherdctl.fish; complete -C $argv[1]",
                                  f"sockherdctl {line}")
            return {entry.split("\t")[0] for entry in text.splitlines()}
        self.check(offered)

    def test_zsh(self):
        """On a terminal: it has no other way."""
        terminal = Zsh(self.environment)
        self.addCleanup(terminal.close)
        self.check(terminal.offered)


class Zsh:
    """An interactive zsh that lists what it would complete."""

    def __init__(self, environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**environment, "TERM": "dumb", "COLUMNS": "4000"})
        # The list goes behind a mark; a widget prints it, so that no terminal size plays a part.
        self.say(f"PROMPT=; fpath=({QUOTED} $fpath); autoload -Uz compinit; compinit -u -D\n"
                 "unsetopt zle_bracketed_paste; offers=()\n"
                 "compadd() { builtin compadd -A _hits -D _none \"$@\" 2>/dev/null; local -a _all;"
                 " builtin compadd -O _all \"$@\"; offers+=($_all); builtin compadd \"$@\" }\n"
                 "list() { offers=(); zle list-choices; print -r -- \"<offers>$offers</offers>\" }\n"
                 "zle -N list; bindkey '^T' list; print -r 'rea''dy'\n")
        self.until("ready\r?\n")

    def say(self, text):
        os.write(self.fd, text.encode())

    def until(self, pattern):
        text, deadline = "", time.monotonic() + SECONDS
        while not (found := re.search(pattern, text, re.DOTALL)):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"zsh has not said {pattern}: {text}")
            text += os.read(self.fd, 65536).decode(errors="replace")
        return found

    def offered(self, line):
        self.say(f"\x15sockherdctl {line}\x14")
        return set(self.until("<offers>(.*?)</offers>").group(1).split())

    def close(self):
        os.close(self.fd)  # SIGHUP
        os.waitpid(self.pid, 0)


class Verbs(unittest.TestCase):
    """What the generated files are made from."""

    def test_syntax(self):
        """Of all three."""
        for shell, name in (("bash", "sockherdctl.bash"), ("zsh", "_sockherdctl"),
                            ("fish", "sockherdctl.fish")):
            done = subprocess.run([shell, "-n", str(pathlib.Path(COMPLETIONS, name))],
                                  capture_output=True, timeout=SECONDS)
            self.assertEqual((done.returncode, done.stderr), (0, b""), name)


if __name__ == "__main__":
    unittest.main()
