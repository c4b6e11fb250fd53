"""The server that parses nothing: tests/bench/ceiling."""
import os
import signal
import subprocess

from tests.bench.peers.peer import PATHS, NotHere, Peer
from tests.support import processes
from tests.support.paths import program


class Ceiling(Peer):
    """On epoll. It answers one constant, so every case has an instance of its own."""

    name = "ceiling"
    loop = "epoll"
    idle = False  # it keeps nothing for a connection

    def __init__(self, workers=2, connections=1024, arguments=()):
        super().__init__(workers, connections)
        self.arguments, self.others, self.process = tuple(arguments), {}, None

    def start(self):
        self.process = subprocess.Popen(
            [program("sockherd-ceiling"), "--loop", self.loop, "--processes", str(self.workers),
             *self.arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            start_new_session=True)
        self.address = self.process.stdout.readline().removeprefix("listening ").strip()
        if not self.address:
            raise NotHere(f"sockherd-ceiling cannot serve on {self.loop} here")

    def check(self):
        """One size, of whatever path."""

    def instance(self, case):
        arguments = ["--body", str(PATHS[case.path])] + (["--close"] if case.close else [])
        if tuple(arguments) not in self.others:
            other = type(self)(self.workers, self.connections, arguments)
            self.others[tuple(arguments)] = other.__enter__()  # pylint: disable=unnecessary-dunder-call
        return self.others[tuple(arguments)]

    def stop(self):
        for other in self.others.values():
            other.__exit__()
        for pid in self.pids() if self.process else []:
            os.kill(pid, signal.SIGKILL)
        if self.process:
            self.process.wait()
            self.process.stdout.close()

    def pids(self):
        return processes.session_of(self.process.pid)

    def version(self):
        return f"{self.name}: answers a constant and parses nothing"


class CeilingOnIoUring(Ceiling):
    """The same on io_uring."""

    name = "ceiling-io_uring"
    loop = "io_uring"
