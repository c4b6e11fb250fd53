"""What all systems have in common: a unit, workers, and how to wait for them."""
import os
import pathlib
import signal
import subprocess

from tests.support import processes, tcp
from tests.support.http import request
from tests.support.wait import until
from tests.system.actions import freeze
from tests.system.service import drop_in, show, systemctl

WORKERS = 4
NO_LIMIT = "[Unit]\nStartLimitIntervalSec=0\n"
SCALES = (8, 2, 8, 1)


class System:
    """One server. An action returns when it is through: how many connections were held by what it
    killed, or None. `rows` says which actions there are."""

    name = ""
    unit = ""
    port = 0
    rows = {}  # key of the row: name of the method

    def __init__(self):
        self.turn = 0

    @property
    def address(self):
        """Where clients connect to."""
        return f"127.0.0.1:{self.port}"

    def begin(self, row):
        """Starts it afresh, as this row needs it."""
        self.turn = 0
        drop_in(self.unit, NO_LIMIT)
        self.write(WORKERS)
        systemctl("start", self.unit)
        until(self.is_up, f"{self.name} answers")
        self.settle(WORKERS)

    def end(self):
        """Stops it."""
        systemctl("stop", self.unit, check=False)
        systemctl("reset-failed", check=False)

    def is_up(self):
        """Whether it answers."""
        try:
            return request(self.address, "GET", "/plaintext").status == 200
        except OSError:
            return False

    def act(self, row):
        """One action."""
        self.turn += 1
        return getattr(self, self.rows[row])()

    def write(self, workers):
        """Writes its configuration."""
        raise NotImplementedError

    def serving(self):
        """The workers (or what stands for them) that take connections."""
        raise NotImplementedError

    def version(self):
        """As it calls itself."""
        raise NotImplementedError

    def main(self):
        """Of the unit."""
        return int(show("MainPID", self.unit))

    def settle(self, count, without=()):
        """Waits until so many serve, none of them one of `without`."""
        until(lambda: len(now := self.serving()) == count and not now & set(without),
              f"{self.name}: {count} others serve", explain=lambda: f"{self.serving()} {without}")

    # ---- actions as most systems have them

    def reload(self):
        """The configuration as it is."""
        before = self.serving()
        systemctl("reload", self.unit)
        self.settle(WORKERS, before)

    def restart(self):
        """systemctl restart."""
        before = self.serving()
        systemctl("restart", self.unit)
        until(self.is_up, "it is back")
        self.settle(WORKERS, before)

    def kill_main(self):
        """And systemd does what the unit says."""
        before, workers = self.main(), self.serving()
        os.kill(before, signal.SIGKILL)
        until(lambda: self.main() not in (0, before), "another main process")
        until(self.is_up, "it is back")
        self.settle(WORKERS, workers)

    def kill_worker(self):
        """It stands still while we count what it holds."""
        victim = min(self.serving())
        freeze(victim)
        lost = tcp.accepted([victim], self.port)
        os.kill(victim, signal.SIGKILL)
        self.settle(WORKERS, {victim})
        return lost


def titled(parent, title):
    """The living children of a process whose command line has this in it."""
    found = set()
    for pid in processes.children(parent) if parent else ():
        try:
            text = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if title in text:
            found.add(pid)
    return found


def output(*command):
    """What a program says, wherever it says it."""
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False).stdout.strip()
