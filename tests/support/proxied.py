"""A daemon whose pool is a proxy in front of stub upstreams."""
from tests.support.case import DaemonCase
from tests.support.daemon import basic_config
from tests.support.http import Wire
from tests.support.stub_upstream import Upstream

GET = "GET {} HTTP/1.1\r\nHost: example.org\r\n\r\n"


def proxy_config(*addresses, route="", pool="", workers=1, threads=1):
    """Everything goes to these addresses."""
    listed = ", ".join(f'"{address}"' for address in addresses)
    config = basic_config(workers=workers, pool=pool, threads=threads)
    return config.replace('module = "demo"', f"proxy = [{listed}] {route}")


class ProxyCase(DaemonCase):
    """Upstreams and daemons that end with the test; what came upstream has to be HTTP."""

    def upstream(self, handler=None, **options):
        """One that is there until the end of the test, and then must have seen no fault."""
        upstream = Upstream(handler, **options)
        self.addCleanup(lambda: self.assertEqual(upstream.faults, []))
        self.addCleanup(upstream.close)
        return upstream

    def proxy(self, *upstreams, **options):
        """A daemon in front of them."""
        return self.ready(proxy_config(*(one.address for one in upstreams), **options))

    def wire(self, daemon, **options):
        """A client's connection."""
        wire = Wire(daemon.address("web"), **options)
        self.addCleanup(wire.close)
        return wire

    def get(self, daemon, target="/", **options):
        """The answer to a GET on a connection of its own."""
        with Wire(daemon.address("web"), **options) as wire:
            return wire.ask(GET.format(target))
