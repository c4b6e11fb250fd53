"""Who gets a new connection: the least loaded worker, where CAP_BPF is there; else as it was before."""
import collections
import os
import unittest

from tests.support.case import ManagedCase
from tests.support.daemon import tcp_listener
from tests.support.http import Wire
from tests.support.metrics import scrape
from tests.support.wait import until

CONFIG = """\
[listener.web]
balance = "{balance}"
[pool.web]
listeners = ["web"]
workers = {workers}
routes = [{{ path = "/", module = "demo" }}]
"""
GET = "GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n"
TABLES = [f"sockherd.bpf.{number}.web" for number in range(3)]
CAP_BPF = 39
WITHOUT_CAP_BPF = ("setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin")


def config(balance="least-connections", workers=4):
    """A pool of the built-in engine."""
    return CONFIG.format(balance=balance, workers=workers)


def has_cap_bpf():
    """Whether what we start may load the program."""
    with open("/proc/self/status", encoding="ascii") as status:
        effective = next(line for line in status if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> CAP_BPF & 1)


class Balance(ManagedCase):
    """The whole way: configuration, program, tables, what the workers publish."""

    def shares(self, daemon, connections, keep=True):
        """{slot: open connections} of so many that were opened in a burst and stay open."""
        wires = [Wire(daemon.address("web")) for _ in range(connections)]
        if keep:
            for wire in wires:
                self.addCleanup(wire.close)
        shares = collections.Counter()
        for wire in wires:
            wire.send(GET)
            shares[wire.receive().json()["slot"]] += 1
        if not keep:
            for wire in wires:
                wire.close()
        return dict(shares)

    def listener(self, daemon):
        """(wanted, in force, reason), the same for all sockets."""
        sockets = daemon.admin("GET", "/v1/listeners").json()["listeners"]
        said = {(one["balance"], one["balance_in_force"], one["balance_reason"]) for one in sockets
                if one["name"] == "web"}
        self.assertEqual(len(said), 1, sockets)
        return said.pop()

    def wait_in_force(self, daemon, balance):
        """Until the listener is balanced like this."""
        until(lambda: self.listener(daemon)[1] == balance, f"{balance} in force",
              explain=lambda: f"{self.listener(daemon)}\n{daemon.log()}")

    def least_connections(self, **options):
        """A daemon that balances so. Where it cannot, it was seen that it says why not, and the rest is skipped."""
        daemon = self.ready(config(), **options)
        daemon.wait_workers(4)
        if has_cap_bpf():
            self.wait_in_force(daemon, "least-connections")
            return daemon
        self.assert_degraded(daemon)
        return self.skipTest("no CAP_BPF")

    def assert_degraded(self, daemon):
        """Serves as before, and says why: once in the log, always in the lists and metrics."""
        wanted, in_force, reason = self.listener(daemon)
        self.assertEqual((wanted, in_force), ("least-connections", "hash"))
        self.assertIn("CAP_BPF", reason)
        self.assert_all_serve(daemon, 4)
        self.assertEqual(daemon.log().count("balance-degraded"), 1, daemon.log())
        self.assertEqual(scrape(daemon).total(
            "sockherd_listener_balance_info", 'wanted="least-connections"', 'in_force="hash"'), 1)
        self.assert_in("no least-connections: ", daemon.ctl("listeners", check=0).stdout)

    def test_without_the_capability_it_degrades_and_says_so(self):
        """What a container or an old unit gives."""
        prefix = WITHOUT_CAP_BPF if os.geteuid() == 0 else ()
        daemon = self.ready(config(), prefix=prefix)
        daemon.wait_workers(4)
        self.assert_degraded(daemon)

    def test_a_burst_is_spread_evenly_whatever_was_open_before(self):
        """Also when the workers hold different numbers of connections."""
        daemon = self.least_connections()
        self.assertEqual(self.shares(daemon, 64), {slot: 16 for slot in range(4)})
        for _ in range(5):
            self.shares(daemon, 37, keep=False)
        until(lambda: scrape(daemon).total("sockherd_worker_connections") == 64, "37 are closed")
        self.assertEqual(self.shares(daemon, 64), {slot: 16 for slot in range(4)})
        self.assertNotIn("balance-degraded", daemon.log())

    def test_one_who_is_scaled_in_gets_what_the_others_have(self):
        """And one who is scaled away gets nothing."""
        daemon = self.least_connections()
        daemon.scale(2)
        daemon.wait_workers(2)
        self.assertEqual(self.shares(daemon, 40), {0: 20, 1: 20})
        daemon.scale(3)
        daemon.wait_workers(3)
        until(lambda: daemon.whoami()["slot"] == 2, "slot 2 is served")
        until(lambda: scrape(daemon).total("sockherd_worker_connections") == 40, "whoami is closed")
        self.assertEqual(self.shares(daemon, 20), {2: 20})

    def test_the_tables_outlive_a_crash_and_a_restart(self):
        """The next supervisor goes on with the loads as they are, and nothing is lost."""
        daemon = self.least_connections()
        self.assertEqual([name for name in daemon.store.names() if ".bpf." in name], TABLES)
        self.assertEqual(self.shares(daemon, 64), {slot: 16 for slot in range(4)})
        load = self.mixed_load(daemon)
        for again in (daemon.crash, daemon.restart, daemon.crash):
            load.after(200)
            again()
            self.wait_in_force(daemon, "least-connections")
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertEqual([name for name in daemon.store.names() if ".bpf." in name], TABLES)
        self.assertEqual([name for name, _ in daemon.store.dropped if ".bpf." in name], [])
        self.assertNotIn("balance-degraded", daemon.log())
        self.assertNotIn("balance-begins-anew", daemon.log())

    def test_a_lost_predecessor_is_replaced(self):
        """Its program holds our sockets until it is detached; until then the hash serves."""
        daemon = self.least_connections()
        load = self.mixed_load(daemon)
        daemon.kill()
        with daemon.notify.lock:
            for name in TABLES:
                daemon.store.remove(name)
        daemon.start()
        daemon.ready()
        self.wait_in_force(daemon, "least-connections")
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertNotIn("balance-degraded", daemon.log())

    def test_a_reload_changes_it_and_a_failed_one_does_not(self):
        """Under load, to and fro."""
        daemon = self.ready(config("hash"))
        daemon.wait_workers(4)
        self.assertEqual(self.listener(daemon), ("hash", "hash", ""))
        load = self.mixed_load(daemon)
        best = "least-connections" if has_cap_bpf() else "hash"
        for wanted, in_force in (("least-connections", best), ("cpu", "cpu"), ("hash", "hash"),
                                 ("least-connections", best)):
            load.after(100)
            daemon.rewrite(config(wanted))
            self.assertEqual(daemon.reload().status, 200)
            until(lambda w=wanted: self.listener(daemon)[0] == w, f"{wanted} wanted")
            self.wait_in_force(daemon, in_force)
        daemon.rewrite(config("cpu").replace("workers = 4", "workers = 0"))
        self.assertNotEqual(daemon.reload().status, 200)
        load.after(500)
        self.assertEqual(self.listener(daemon)[0], "least-connections")
        self.assert_nothing_lost(load.stop(), daemon)

    def test_a_socket_without_reuse_port_is_balanced_once_it_has_clones(self):
        """And a single worker has nobody to share with, which is no fault."""
        daemon = self.ready(config(workers=1), sockets={"web": [tcp_listener(reuse_port=False)]})
        if not has_cap_bpf():
            return self.assertIn("CAP_BPF", self.listener(daemon)[2])
        self.assertEqual(self.listener(daemon), ("least-connections", "least-connections", ""))
        daemon.scale(4)
        daemon.wait_workers(4)
        self.wait_in_force(daemon, "least-connections")
        self.assertEqual(self.shares(daemon, 64), {slot: 16 for slot in range(4)})
        self.assertNotIn("balance-degraded", daemon.log())
        return None


if __name__ == "__main__":
    unittest.main()
