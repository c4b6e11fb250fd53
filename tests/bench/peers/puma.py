"""Puma: a cluster of two workers with three threads each, and a Rack application. No files."""
from tests.bench.peers.peer import FROM_MEMORY, PROGRAMS, Foreground


class Puma(Foreground):
    """A master and its workers."""

    name = program = "puma"
    paths = FROM_MEMORY
    idle = False  # it reads one after the other: 10,000 take minutes

    def command(self, port):
        return ["puma", "--quiet", "--config", str(PROGRAMS / "puma.rb"), "--workers", str(self.workers),
                "--threads", "3:3", "--bind", f"tcp://127.0.0.1:{port}?backlog=4096"]

    def version(self):
        return super().version().replace(" version ", "/")
