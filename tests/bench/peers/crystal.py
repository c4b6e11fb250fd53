"""Crystal: HTTP::Server in two processes that share a port, as the classic Cluster class has it."""
import hashlib
import os
import pathlib
import subprocess

from tests.bench.peers.peer import FROM_MEMORY, PROGRAMS, Foreground
from tests.support.paths import ROOT


def compiled(name):
    """One of the programs, which takes the better part of a minute to build and is kept."""
    source = PROGRAMS / f"{name}.cr"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    binary = pathlib.Path(ROOT) / f"build/bench/crystal-{name}-{digest}"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        making = binary.with_suffix(f".{os.getpid()}")
        subprocess.run(["crystal", "build", "--release", "-o", str(making), str(source)], check=True)
        making.replace(binary)
    return str(binary)


class Crystal(Foreground):
    """A shell and its two children."""

    name = program = "crystal"
    paths = FROM_MEMORY
    source = "server"

    def command(self, port):
        start = f"{compiled(self.source)} {port} & " * self.workers
        return ["sh", "-c", f"trap 'kill 0' TERM; {start} wait"]

    def version(self):
        return "crystal/" + super().version().split()[1]
