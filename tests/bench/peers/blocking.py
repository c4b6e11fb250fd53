"""Servers with handlers that wait or compute, on threads of which there is a fixed number in each process.

    /cpu   the 23rd Fibonacci number by recursion, in the language of the server
    /burn  2 ms of the thread's processor time: the same in every language
    /io    a sleep of 5 ms
"""
from tests.bench.peers.peer import PLAINTEXT, PROGRAMS, NotHere
from tests.bench.peers.puma import Puma
from tests.bench.peers.sockherd import Sockherd, options
from tests.support.paths import bin_dir

THREADS = 16  # of each process
BLOCKING = {"/plaintext": len(PLAINTEXT), **dict.fromkeys(("/cpu", "/burn", "/io"), len(PLAINTEXT))}


class SockherdBlocking(Sockherd):
    """The bounded pool. Its limits are the defaults."""

    paths = BLOCKING

    def __init__(self, *arguments, threads=THREADS, **settings):
        self.pool = f"blocking_threads = {threads}"
        if "blocking_threads" not in options(self.programs or bin_dir()):
            raise NotHere("this build has no option blocking_threads")
        self.module = bin_dir() / "test_blocking.so"
        if not self.module.exists():
            raise NotHere(f"not built: {self.module}")
        super().__init__(*arguments, **settings)

    def configured(self):
        """The application instead of the demo."""
        return super().configured().replace('module = "demo"', f'module = "{self.module}"')


class PumaBlocking(Puma):
    """A cluster."""

    paths = BLOCKING

    def __init__(self, *arguments, threads=THREADS, **settings):
        self.each = threads
        super().__init__(*arguments, **settings)

    def command(self, port):
        return ["puma", "--quiet", "--config", str(PROGRAMS / "blocking.rb"), "--workers", str(self.workers),
                "--threads", f"{self.each}:{self.each}", "--bind", f"tcp://127.0.0.1:{port}?backlog=4096"]


BLOCKING_PEERS = {peer.name: peer for peer in (SockherdBlocking, PumaBlocking)}
