"""One application of Puma, three times: in Puma's own cluster mode, as single processes that sockherd starts and gives
sockets to, and as single processes behind the built-in proxy.

    /plaintext  13 bytes        /10k  10 KiB
    /cpu        the 18th Fibonacci number by recursion: about half a millisecond of Ruby
    /io         a sleep of 5 ms
"""
import shutil

from tests.bench.peers.peer import FROM_MEMORY, PLAINTEXT, PROGRAMS, NotHere, first_line
from tests.bench.peers.puma import Puma
from tests.bench.peers.sockherd import Sockherd, options
from tests.support.paths import bin_dir

THREADS = 5  # of each process: what Puma itself takes
FOREIGN = {**FROM_MEMORY, **dict.fromkeys(("/cpu", "/io"), len(PLAINTEXT))}
COMMAND = ["puma", "--quiet", "--config", str(PROGRAMS / "foreign.rb"), "--threads", f"{THREADS}:{THREADS}"]


class PumaCluster(Puma):
    """A master and its workers, on one socket."""

    name = "puma-cluster"
    paths = FOREIGN

    def command(self, port):
        return [*COMMAND, "--workers", str(self.workers), "--bind", f"tcp://127.0.0.1:{port}?backlog=4096"]


class SockherdPuma(Sockherd):
    """A socket for each, and nothing in between."""

    name = "sockherd"
    paths = FOREIGN
    idle = False
    arguments = ("--bind-to-activated-sockets", "only")
    needs = "ready"  # an option that the build must know
    front = ""       # another pool
    pool_name = "web"
    pool = 'listeners = ["web"]'

    def __init__(self, *arguments, **settings):
        if not shutil.which("puma"):
            raise NotHere("puma is not installed (apt install puma)")
        if self.needs not in options(self.programs or bin_dir()):
            raise NotHere(f"this build has no option {self.needs}")
        super().__init__(*arguments, **settings)

    def configured(self):
        command = ", ".join(f'"{word}"' for word in (*COMMAND, *self.arguments))
        return f"""
[listener.web]
{self.front}
[pool.{self.pool_name}]
{self.pool}
workers = {self.workers}
command = [{command}]
ready = {{ http = "/plaintext" }}
"""

    def version(self):
        return f"{super().version()} with {first_line('puma', '--version').replace(' version ', '/')}"


class SockherdProxyPuma(SockherdPuma):
    """Behind the proxy, each with a port of its own."""

    name = "sockherd-proxy"
    arguments = ("--bind", "tcp://127.0.0.1:{port}")
    needs = "max_in_flight"
    pool_name = "app"
    pool = f'handover = "private-port"\nmax_in_flight = {THREADS}'  # what it can work on
    front = '[pool.web]\nlisteners = ["web"]\nworkers = 1\nroutes = [{ path = "/", proxy = "pool:app" }]'


FOREIGN_PEERS = {peer.name: peer for peer in (PumaCluster, SockherdPuma, SockherdProxyPuma)}
