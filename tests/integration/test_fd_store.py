"""What comes back from the service manager, and does not match what is configured now."""
import os
import socket
import unittest

from tests.support.case import ManagedCase
from tests.support.daemon import (THREADS, basic_config, equal_listeners, reserved_port,
                                  tcp_listener)
from tests.support.http import HalfRequest, Wire, request
from tests.support.wait import until

ECHO = (200, b"0123456789")
POOL = """
[pool.{name}]
listeners = ["{listener}"]
workers = {workers}
routes = [{{ path = "/", module = "demo" }}]
"""


def pool(name, listener=None, workers=2):
    """One pool of the built-in engine."""
    return POOL.format(name=name, listener=listener or name, workers=workers)


def listeners(*names, address=""):
    """Listeners that systemd passes, or one that is bound."""
    return "".join(f'[listener.{name}]\naddress = "{address}"\n' for name in names)


def inode(fd):
    """Which socket a descriptor is."""
    return os.fstat(fd).st_ino


class StoreCase(ManagedCase):
    """What all of these need."""

    def free_port(self):
        """A port that nobody else gets for the time of the test."""
        holder, port = reserved_port()
        self.addCleanup(holder.close)
        return port

    def half_requests(self, address, count):
        """Connections that are in the middle of something."""
        wires = [HalfRequest(address) for _ in range(count)]
        for wire in wires:
            self.addCleanup(wire.close)
        return wires

    def slots(self, daemon):
        """{name: inode} of the listening sockets in the store; one each."""
        with daemon.notify.lock:  # whose thread takes entries out, and closes them
            entries = [entry for entry in daemon.store.entries
                       if entry.name.startswith("sockherd.slot.")]
            found = {entry.name: inode(entry.fd) for entry in entries}
        self.assertEqual(len(found), len(entries), daemon.store.names())
        return found

    def slot_names(self, daemon):
        """Of the listening sockets in the store."""
        return sorted(self.slots(daemon))

    def wait_slots(self, daemon, *names):
        """Waits until these are the listening sockets in the store."""
        until(lambda: self.slot_names(daemon) == sorted(names), f"{names} in the store",
              explain=lambda: f"{daemon.store.names()}\n{daemon.log()}")

    def put(self, daemon, name, descriptor):
        """Something in the store that the daemon has not put there."""
        with daemon.notify.lock:
            self.assertTrue(daemon.store.add(name, os.dup(descriptor)))


class Names(StoreCase):
    """What is stored."""

    def test_every_socket_is_in_the_store(self):
        """The adopted ones too, so that not even a restart of their unit can close them."""
        daemon = self.ready(basic_config(workers=3))
        sockets = 3 * THREADS
        self.wait_slots(daemon, *(f"sockherd.slot.{number}.web" for number in range(sockets)))
        self.assertIn(inode(daemon.sockets["web"][0].fileno()), self.slots(daemon).values())
        self.assertEqual(daemon.notify.faults, [])
        self.assertEqual(daemon.notify.refused, [])

    def test_of_workers_that_come_and_go(self):
        """What belongs to a worker leaves with it."""
        daemon = self.ready(basic_config(workers=1))
        daemon.wait_workers(1)

        def of_workers():
            return [name for name in daemon.store.names()
                    if name.startswith(("sockherd.worker.", "sockherd.control.",
                                        "sockherd.notify."))]
        self.assertEqual(len(of_workers()), 3, daemon.store.names())
        daemon.scale(4)
        daemon.wait_workers(4)
        until(lambda: len(of_workers()) == 12, "three a worker", explain=of_workers)
        daemon.reload()
        daemon.scale(1)
        daemon.wait_workers(1)
        self.assert_not_more_processes(daemon, 1)
        until(lambda: len(of_workers()) == 3, "those of the one that is left", explain=of_workers)

    def test_slots_keep_their_sockets(self):
        """Whatever the order, a name means the same socket after ten starts; two listeners."""
        daemon = self.ready(listeners("web", "api") + pool("web", workers=3) +
                            pool("api", workers=4),
                            sockets={"web": equal_listeners(2), "api": equal_listeners(3)})
        before, pids = self.slots(daemon), (daemon.pids("web"), daemon.pids("api"))
        self.assertEqual(len(before), 7)
        load = [self.mixed_load(daemon, name) for name in ("web", "api")]
        for _ in range(10):
            daemon.crash()
            self.assertEqual((daemon.pids("web"), daemon.pids("api")), pids)
            self.assertEqual(self.slots(daemon), before)
        self.assert_all_serve(daemon, 3)
        self.assert_all_serve(daemon, 4, "api", "api")
        for each in load:
            self.assert_nothing_lost(each.stop(), daemon)


class Listeners(StoreCase):
    """The configuration has changed while the old sockets are still there."""

    def change(self, daemon, config, how):
        """The next supervisor finds another configuration."""
        getattr(daemon, "kill" if how == "crash" else "terminate")()
        daemon.rewrite(config)
        daemon.start()
        daemon.ready()

    def test_removed(self):
        """What was begun there is finished, then its sockets are closed; the other one is untouched."""
        both = listeners("web", "api") + pool("web") + pool("api")
        for how in ("crash", "restart"):
            with self.subTest(how=how):
                daemon = self.ready(both, sockets={"web": [tcp_listener()], "api": [tcp_listener()]})
                load = self.mixed_load(daemon)
                load.after(100)
                address = daemon.address("api")
                wires = self.half_requests(address, 10)
                daemon.sockets.pop("api")[0].close()  # its socket unit is gone, too
                since = len(daemon.log())
                self.change(daemon, listeners("web") + pool("web"), how)
                self.assertEqual([wire.finish() for wire in wires], [ECHO] * 10)
                self.wait_slots(daemon, "sockherd.slot.0.web", "sockherd.slot.1.web")
                until(lambda a=address: self.refuses(a), "the old address refuses")
                for slot in (0, 1):  # adopted, and ended when there was nothing left to do
                    self.assertIn(f"worker-adopted pool=api slot={slot} ", daemon.log()[since:])
                    daemon.wait_log(f"worker-exited pool=api slot={slot} ", since)
                load.after(100)
                self.assert_all_serve(daemon, 2)
                self.assert_nothing_lost(load.stop(), daemon)

    def test_what_waits_in_a_removed_one_is_answered(self):
        """Accepted by nobody yet; its worker is told to empty the socket before it lets go."""
        daemon = self.ready(listeners("web", "api") + pool("web") + pool("api", workers=1),
                            sockets={"web": [tcp_listener()], "api": [tcp_listener()]})
        address = daemon.address("api")
        daemon.terminate()
        worker = HalfRequest(address)  # keeps it from ending
        self.addCleanup(worker.close)
        waiting = [Wire(address) for _ in range(30)]
        for wire in waiting:
            self.addCleanup(wire.close)
            wire.send("GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n")
        daemon.sockets.pop("api")[0].close()
        daemon.rewrite(listeners("web") + pool("web"))
        daemon.start()
        daemon.ready()
        self.assertEqual([wire.receive().status for wire in waiting], [200] * 30)
        self.assertEqual(worker.finish(), ECHO)

    def refuses(self, address):
        """Nobody listens any more."""
        try:
            Wire(address).close()
        except ConnectionRefusedError:
            return True
        return False

    def test_renamed(self):
        """The same address under another name: the old sockets are in its group."""
        for how in ("crash", "restart"):
            with self.subTest(how=how):
                daemon = self.ready(listeners("web") + pool("web", workers=4))
                daemon.wait_all_answer(4)
                load = self.mixed_load(daemon)
                load.after(100)
                daemon.sockets["site"] = daemon.sockets.pop("web")
                self.change(daemon, listeners("site") + pool("web", "site", workers=4), how)
                load.after(200)
                self.wait_slots(daemon, *(f"sockherd.slot.{slot}.site" for slot in range(4)))
                self.assert_all_serve(daemon, 4, listener="site")
                self.assert_nothing_lost(load.stop(), daemon)

    def test_bound_to_another_address(self):
        """What was begun at the old one is finished there."""
        old, new = self.free_port(), self.free_port()
        daemon = self.ready(listeners("web", address=f"127.0.0.1:{old}") + pool("web"), sockets={})
        wires = self.half_requests(f"127.0.0.1:{old}", 10)
        self.change(daemon, listeners("web", address=f"127.0.0.1:{new}") + pool("web"), "restart")
        self.assertEqual(request(f"127.0.0.1:{new}", "GET", "/plaintext").status, 200)
        self.assertEqual([wire.finish() for wire in wires], [ECHO] * 10)
        until(lambda: self.refuses(f"127.0.0.1:{old}"), "the old address refuses",
              explain=daemon.log)
        self.wait_slots(daemon, *(f"sockherd.slot.{n}.web@127.0.0.1_{new}" for n in range(2)))
        daemon.crash()  # the name is free by now
        self.wait_slots(daemon, "sockherd.slot.0.web", "sockherd.slot.1.web")
        self.assertEqual(request(f"127.0.0.1:{new}", "GET", "/plaintext").status, 200)

    def test_bound_sockets_stay(self):
        """A listener of our own has no socket unit, but the store: as good."""
        port = self.free_port()
        daemon = self.ready(listeners("web", address=f"127.0.0.1:{port}") + pool("web", workers=3),
                            sockets={})
        daemon.sockets["web"] = []
        before = self.slots(daemon)
        load = self.load_of(f"127.0.0.1:{port}")
        for act in (daemon.crash, daemon.restart, daemon.crash):
            load.after(200)
            act()
            self.assertEqual(self.slots(daemon), before)
        load.after(200)
        self.assert_nothing_lost(load.stop(), daemon)

    def load_of(self, address):
        """A hammer on a port that no unit knows."""
        class At:
            """As much of a daemon as load() wants."""
            @staticmethod
            def address(_name):
                """The same for all."""
                return address
        return self.mixed_load(At)

    def test_socket_unit_was_restarted(self):
        """A new socket at the same address beside those in the store; both groups of clients live."""
        daemon = self.ready(basic_config(workers=3))
        load = self.mixed_load(daemon)
        for how in ("crash", "restart", "crash"):
            load.after(100)
            getattr(daemon, "kill" if how == "crash" else "terminate")()
            old = daemon.sockets["web"][0]
            daemon.sockets["web"] = [tcp_listener(port=old.getsockname()[1])]
            old.close()
            daemon.start()
            daemon.ready()
            load.after(100)
            self.assert_all_serve(daemon, 3)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_socket_unit_has_another_address(self):
        """The old sockets are emptied and go, the new one is served."""
        daemon = self.ready(basic_config(workers=2))
        before, address = set(self.slots(daemon).values()), daemon.address("web")
        wires = self.half_requests(address, 10)
        daemon.terminate()
        daemon.sockets["web"].pop().close()
        daemon.sockets["web"].append(tcp_listener())
        daemon.start()
        daemon.ready()
        self.assertEqual([wire.finish() for wire in wires], [ECHO] * 10)
        self.assert_all_serve(daemon, 2)
        until(lambda: not set(self.slots(daemon).values()) & before, "none of the old sockets",
              explain=lambda: f"{daemon.store.names()}\n{daemon.log()}")
        until(lambda: self.refuses(address), "the old address refuses", explain=daemon.log)

    def test_more_equal_lines_in_the_socket_unit(self):
        """ListenStream= is repeated more often than before: no socket may be without a worker."""
        daemon = self.ready(basic_config(workers=2))
        load = self.mixed_load(daemon)
        load.after(100)
        port = daemon.sockets["web"][0].getsockname()[1]
        daemon.kill()
        daemon.sockets["web"] += [tcp_listener(port=port) for _ in range(3)]
        daemon.start()
        daemon.ready()
        self.assert_all_serve(daemon, 2)
        # Until the new sockets were masked, they got connections that nobody accepts: none of those.
        daemon.scale(4)
        self.assert_all_serve(daemon, 4)
        report = load.stop()
        self.assertEqual(report.lost, 0, f"{report.summary()}\n{daemon.log()}")


class Strays(StoreCase):
    """Things that nobody knows."""

    def test_stray_descriptors_are_removed_and_said(self):
        """Whatever they are: a socket elsewhere, a file, a pipe, a name that only looks like ours."""
        daemon = self.ready()
        before = daemon.pids()
        reader, writer = os.pipe()
        strays = {"sockherd.slot.3.gone": tcp_listener().detach(),
                  "sockherd.slot.0.udp": self.udp().detach(),
                  "sockherd.slot.x.web": os.memfd_create("stray"),
                  "sockherd.worker.77": reader, "sockherd.nonsense": writer}
        load = self.mixed_load(daemon)
        load.after(50)
        daemon.kill()
        for name, fd in strays.items():
            self.put(daemon, name, fd)
        for fd in strays.values():  # not sooner: a pipe without its other end is dropped
            self.addCleanup(os.close, fd)
        since = len(daemon.log())
        daemon.start()
        daemon.ready()
        self.assertEqual(daemon.pids(), before)
        for name in strays:
            until(lambda n=name: n not in daemon.store.names(), f"{name} is removed",
                  explain=lambda: f"{daemon.store.names()}\n{daemon.log()}")
            self.assertIn(name, daemon.log()[since:])
        self.assert_all_serve(daemon, 2)
        self.assert_nothing_lost(load.stop(), daemon)

    @staticmethod
    def udp():
        """A datagram socket."""
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def test_stray_socket_in_a_group_of_ours(self):
        """It would swallow its share of all connections, were it not served or emptied."""
        daemon = self.ready(basic_config(workers=3))
        before = daemon.pids()
        load = self.mixed_load(daemon, slow_after_ms=10_000)
        load.after(100)
        daemon.kill()
        stray = tcp_listener(port=daemon.sockets["web"][0].getsockname()[1])
        self.put(daemon, "sockherd.slot.9.old", stray.fileno())
        stray.close()
        daemon.start()
        daemon.ready()
        until(lambda: "sockherd.slot.9.old" not in daemon.store.names(), "it is removed",
              explain=daemon.log)
        self.assertEqual(daemon.pids(), before)
        self.assert_all_serve(daemon, 3)
        self.assert_nothing_lost(load.stop(), daemon)


    def test_two_sockets_with_one_name(self):
        """In whatever order they come back: whoever waits at the one that is not kept is served, too."""
        for seed in range(3):
            with self.subTest(seed=seed):
                daemon = self.ready(basic_config(workers=2), seed=seed)
                load = self.mixed_load(daemon, slow_after_ms=10_000)
                load.after(100)
                daemon.kill()
                second = tcp_listener(port=daemon.sockets["web"][0].getsockname()[1])
                self.put(daemon, "sockherd.slot.1.web", second.fileno())
                second.close()
                daemon.start()
                daemon.ready()
                until(lambda d=daemon: len(d.store.names()) == len(set(d.store.names())), "one of each name",
                      explain=daemon.log)
                self.assertIn("socket-refused name=sockherd.slot.1.web", daemon.log())
                self.assert_all_serve(daemon, 2)
                self.assert_nothing_lost(load.stop(), daemon)


class Full(StoreCase):
    """FileDescriptorStoreMax= is too small, and the daemon is not told."""

    def run_with(self, limit, sockets, acts, at_most=0):
        """Restarts and crashes with such a store; so many connections may be lost by it."""
        daemon = self.ready(basic_config(workers=4), store_max=limit, sockets={"web": sockets})
        self.assertTrue(daemon.store.dropped)
        load = self.mixed_load(daemon, slow_after_ms=10_000)
        for act in acts * 2:
            load.after(100)
            getattr(daemon, act)()
            self.assert_all_serve(daemon, 4)
            self.assert_not_more_processes(daemon, 4)
        self.assert_nothing_lost(load.stop(), daemon, at_most)

    def test_restart_with_sockets_of_our_own(self):
        """Those that are not kept are emptied by their workers, which nobody steers away from: what comes
        between the last accept and the close of such a socket is reset (CHANGELOG, known limits)."""
        self.run_with(3, [tcp_listener()], ["restart"], at_most=4)

    def test_with_sockets_of_the_unit_for_every_worker(self):
        """One for each of their threads: nothing depends on the store but the workers' lives."""
        self.run_with(3, equal_listeners(4 * THREADS), ["restart", "crash"])

    def test_no_store_at_all(self):
        """FileDescriptorStoreMax=0, the default of systemd."""
        self.run_with(0, equal_listeners(4 * THREADS), ["restart", "crash"])


if __name__ == "__main__":
    unittest.main()
