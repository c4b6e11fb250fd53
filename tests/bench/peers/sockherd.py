"""sockherd itself: the build that SOCKHERD_BIN_DIR points to, or another."""
import functools
import pathlib
import re
import subprocess
import tempfile

from tests.bench.peers.peer import NotHere, Peer, first_line
from tests.support import processes
from tests.support.daemon import Daemon
from tests.support.paths import bin_dir


@functools.cache
def options(programs):
    """The names of all options that a build knows: those in the configuration it writes."""
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "sockherd.toml"
        subprocess.run([programs / "sockherdctl", "config", "init", str(file)], check=True,
                       stdout=subprocess.DEVNULL)
        return set(re.findall(r"^#?\s*(\w+) = ", file.read_text(), re.MULTILINE))


def engine_line(engine, programs=None):
    """What chooses it, in the configuration of a pool."""
    return f'engine = "{engine}"' if "engine" in options(programs or bin_dir()) else ""


class Sockherd(Peer):
    """On epoll. All its processes count: the supervisor and the admin server too."""

    name = "sockherd"
    engine = "epoll"
    listener = pool = ""  # further options of its listener and its pool
    routes = ""           # further ones
    programs = None       # the directory of another build
    daemon = None

    def __init__(self, *arguments, **settings):
        self.programs = self.programs or bin_dir()
        known = options(self.programs)
        if self.engine != "epoll" and "engine" not in known:
            raise NotHere("this build has no option engine")
        if self.threads > 1 and "threads" not in known:
            raise NotHere("this build has no option threads")
        super().__init__(*arguments, **settings)

    def configured(self):
        """The text of its configuration."""
        workers = max(1, self.workers // self.threads)
        threads = f"threads = {self.threads}" if self.threads > 1 else ""
        return f"""
[listener.web]
{self.listener}
[pool.web]
listeners = ["web"]
workers = {workers}
{threads}
{engine_line(self.engine, self.programs)}
{self.pool}
routes = [{{ path = "/", module = "demo" }}, {{ path = "/file/", files = "{self.files}" }},
  {self.routes}]
"""

    def start(self):
        self.daemon = Daemon(self.configured())
        self.daemon.program = str(self.programs / "sockherd")
        self.daemon.start()
        self.daemon.ready()
        self.address = self.daemon.address("web")

    def stop(self):
        if self.daemon:
            self.daemon.end()

    def pids(self):
        return processes.session_of(self.daemon.pid)

    def version(self):
        return first_line(str(self.programs / "sockherd"), "--version")


def variant(name, **attributes):
    """Another kind of peer that differs from sockherd in these."""
    return type("Variant", (Sockherd,), {"name": name, "__doc__": name, **attributes})


class SockherdOnIoUring(Sockherd):
    """The other loop."""

    name = "sockherd-io_uring"
    engine = "io_uring"

    def check(self):
        super().check()
        if not any("anon_inode:[io_uring]" in processes.kinds(pid) for pid in self.pids()):
            raise NotHere("the workers have no io_uring")


class SockherdThreads(Sockherd):
    """One worker with two threads instead of two workers."""

    name = "sockherd-1x2"
    threads = 2
    idle = False
