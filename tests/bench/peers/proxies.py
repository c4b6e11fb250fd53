"""Reverse proxies in front of the same four upstreams: single workers of our own engine, which are fast and the same
for all; or three of them and a program that is slow.

All keep 128 connections to each upstream, speak HTTP/1.1 to them, and say who the client is, under which name it has
asked, and what the request is called.
"""
import contextlib
import sys

from tests.bench.peers.nginx import Nginx
from tests.bench.peers.peer import PLAINTEXT, PROGRAMS, Foreground, NotHere
from tests.bench.peers.sockherd import Sockherd, options
from tests.support.paths import bin_dir

UPSTREAMS = 4
KEPT = 128
SLOW = "slow"  # the case with the other upstreams


class SlowUpstream(Foreground):
    """One of them."""

    name = "slow upstream"
    program = "python3"
    paths = {"/plaintext": len(PLAINTEXT)}

    def command(self, port):
        return [sys.executable, str(PROGRAMS / "slow_upstream.py"), str(port)]


class Upstreams:
    """Those that all proxies ask: `fast` and `slow` are lists of addresses."""

    def __init__(self):
        self.stack = contextlib.ExitStack()
        self.fast, self.slow = [], []

    def __enter__(self):
        with contextlib.ExitStack() as made:
            self.fast = [made.enter_context(Sockherd(1, 4096)).address for _ in range(UPSTREAMS)]
            self.slow = [*self.fast[1:], made.enter_context(SlowUpstream()).address]
            self.stack = made.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()


class Proxy:
    """What the kinds of proxies have in common: another instance for the slow upstreams."""

    idle = False
    upstreams = None  # an Upstreams; set by of()
    is_slow = False
    other = None

    @property
    def addresses(self):
        """Whom it asks."""
        return self.upstreams.slow if self.is_slow else self.upstreams.fast

    @property
    def paths(self):
        """What is checked."""
        return SlowUpstream.paths if self.is_slow else Foreground.paths

    def instance(self, case):
        """Who serves that case."""
        if case.name != SLOW or self.is_slow:
            return self
        if not self.other:
            made = type(self)(self.workers, self.connections)
            made.is_slow = True
            self.other = made.__enter__()
        return self.other

    def stop(self):
        """Both."""
        if self.other:
            self.other.__exit__()
        super().stop()


class SockherdProxy(Proxy, Sockherd):
    """The proxy of the built-in engine."""

    name = "sockherd"

    def __init__(self, *arguments, **settings):
        if "max_in_flight" not in options(self.programs or bin_dir()):
            raise NotHere("this build has no proxy")
        super().__init__(*arguments, **settings)

    def configured(self):
        addresses = ", ".join(f'"{address}"' for address in self.addresses)
        return f"""
[listener.web]
[pool.web]
listeners = ["web"]
workers = {self.workers}
upstream_connections = {KEPT}
routes = [{{ path = "/", proxy = [{addresses}] }}]
"""


class NginxProxy(Proxy, Nginx):
    """As it balances by itself: one upstream after the other."""

    name = "nginx"
    balance = ""

    def configuration(self, port):
        servers = " ".join(f"server {address};" for address in self.addresses)
        upstream = f"""
  upstream app {{
    zone app 256k; {self.balance} {servers}
    keepalive {KEPT * UPSTREAMS}; keepalive_requests 1000000000;
  }}
"""
        location = """
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Request-Id $request_id;
      proxy_max_temp_file_size 0;
    }
"""
        before, _, rest = super().configuration(port).partition("  server {")
        server = rest[:rest.index("    default_type")]
        # A connection of a client and one to an upstream.
        before = before.replace(f"worker_connections {self.connections * 9 // 8}",
                                f"worker_connections {4 * self.connections}")
        return f"{before}{upstream}  server {{{server}{location}  }}\n}}\n"


class NginxLeastConnections(NginxProxy):
    """The upstream that has the fewest requests, counted over all workers (zone)."""

    name = "nginx-least_conn"
    balance = "least_conn;"


PROXIES = {kind.name: kind for kind in (SockherdProxy, NginxProxy, NginxLeastConnections)}


def of(upstreams, names):
    """{name: a kind of proxy that asks these}."""
    return {name: type(PROXIES[name].__name__, (PROXIES[name],), {"upstreams": upstreams}) for name in names}
