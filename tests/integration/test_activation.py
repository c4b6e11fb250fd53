"""Where sockets come from: systemd by name, or our own bind where it passed none."""
import os
import shutil
import subprocess
import unittest

from tests.support.case import DaemonCase
from tests.support.daemon import (Daemon, basic_config, duplicate, reserved_port, stub_config, tcp_listener,
                                  unix_listener)
from tests.support.http import Wire, request
from tests.support.paths import program
from tests.support.processes import descriptors, kill_session

THREE = """
[listener.v4]
[listener.v6]
[listener.local]
[pool.web]
listeners = ["v4", "v6", "local"]
workers = 2
routes = [{ path = "/", module = "demo" }]
"""


class Activation(DaemonCase):
    """Adopted sockets."""

    def test_every_worker_answers(self):
        """One socket from systemd, four workers."""
        daemon = self.ready(basic_config(workers=4))
        seen = daemon.wait_all_answer(4)
        self.assertEqual(sorted(seen), [0, 1, 2, 3])
        self.assertEqual(len(set(seen.values())), 4)

    def test_listeners_by_name_v4_v6_and_unix(self):
        """The order in which they are passed means nothing."""
        daemon = self.launch_named_backwards()
        for name in ("v4", "v6", "local"):
            with self.subTest(name):
                self.assertEqual(daemon.get("/plaintext", name).body, b"Hello, World!")
                daemon.wait_all_answer(2, name) if name != "local" else daemon.whoami(name)

    def launch_named_backwards(self):
        """The three listeners of THREE, passed in another order than they are configured in."""
        daemon = Daemon(THREE, sockets={})
        self.addCleanup(daemon.end)
        daemon.sockets = {"local": [unix_listener(daemon.directory / "local")],
                          "v6": [tcp_listener("::1")], "v4": [tcp_listener()], **daemon.sockets}
        daemon.start()
        return daemon.ready()

    def test_equal_sockets_of_one_name_are_its_slots(self):
        """Repeated ListenStream= lines with ReusePort=yes: none may be left unaccepted."""
        first = tcp_listener()
        rest = [tcp_listener(port=first.getsockname()[1]) for _ in range(3)]
        daemon = self.ready(basic_config(workers=4), sockets={"web": [first, *rest]})
        daemon.wait_all_answer(4)
        self.assert_nothing_lost(self.load(daemon, count=2000).finish(), daemon)

    def test_more_equal_sockets_than_workers(self):
        """The sockets beyond the workers are in the group too: not one connection may hang."""
        first = tcp_listener()
        rest = [tcp_listener(port=first.getsockname()[1]) for _ in range(3)]
        daemon = self.ready(basic_config(workers=2), sockets={"web": [first, *rest]})
        self.assert_nothing_lost(self.load(daemon, count=2000).finish(), daemon)

    def test_a_socket_without_reuse_port_is_adopted_too(self):
        """ReusePort=no in the unit: set afterwards."""
        daemon = self.ready(sockets={"web": [tcp_listener(reuse_port=False)]})
        daemon.wait_all_answer(2)
        self.assert_nothing_lost(self.load(daemon, count=1000).finish(), daemon)

    def test_connections_that_came_before_the_daemon_are_answered(self):
        """What socket activation is for."""
        listener = tcp_listener()
        with duplicate(listener) as keeper:
            early = [Wire("127.0.0.1:%d" % keeper.getsockname()[1]) for _ in range(20)]
            for wire in early:
                wire.send("GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n")
            self.ready(sockets={"web": [listener]})
            for wire in early:
                with wire:
                    self.assertEqual(wire.receive().body, b"Hello, World!")

    def test_a_socket_nobody_claims_is_an_error_that_names_it(self):
        """Exit status 6: systemd must not start it again and again."""
        daemon = self.launch(sockets={"web": [tcp_listener()], "wbe": [tcp_listener()]})
        self.assertEqual(daemon.start_status(), 6)
        self.assert_in(["wbe", "web"], daemon.log())
        self.assertIsNone(daemon.notify.find("READY"))

    def test_a_listener_with_neither_socket_nor_address(self):
        """Says both remedies: the unit or the address."""
        daemon = self.launch(sockets={})
        self.assertEqual(daemon.start_status(), 6, daemon.log())
        self.assert_in(["web", "address"], daemon.log())

    def test_worker_inherits_nothing_else(self):
        """No listening socket of another listener, no socket of the admin server, no log of ours."""
        daemon = self.ready()
        for worker in daemon.workers():
            targets = descriptors(worker["pid"])
            self.assertLess(len(targets), 16, targets)


class OwnBind(DaemonCase):
    """Without systemd."""

    def config(self, addresses):
        """A pool of two workers on these addresses."""
        lines = [f'[listener.l{i}]\naddress = "{address}"' for i, address in enumerate(addresses)]
        names = ", ".join(f'"l{i}"' for i in range(len(addresses)))
        return "\n".join(lines) + (f'\n[pool.web]\nlisteners = [{names}]\nworkers = 2\n'
                                   'routes = [{ path = "/", module = "demo" }]\n')

    def test_v4_v6_and_unix(self):
        """All three kinds at once; the Unix socket has the access bits asked for."""
        v4, port4 = reserved_port()
        v6, port6 = reserved_port("::1")
        self.addCleanup(v4.close)
        self.addCleanup(v6.close)
        path = f"/tmp/sh-own-{os.getpid()}"
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        addresses = [f"127.0.0.1:{port4}", f"[::1]:{port6}", f"unix:{path}"]
        self.ready(self.config(addresses), sockets={})
        for address in addresses:
            with self.subTest(address):
                self.assertEqual(request(address, "GET", "/plaintext").status, 200)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o660)

    def test_port_in_use_without_reuse_port(self):
        """By a program that does not share: names the address."""
        taken = tcp_listener(reuse_port=False)
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        daemon = self.launch(self.config([f"127.0.0.1:{port}"]), sockets={})
        self.assertNotIn(daemon.start_status(), (0, None), daemon.log())
        self.assert_in([f"127.0.0.1:{port}", "in use"], daemon.log())

    def test_port_in_use_by_another_user_names_the_uid_rule(self):
        """SO_REUSEPORT only works among sockets of one user."""
        os.seteuid(65534)
        try:
            taken = tcp_listener()
        finally:
            os.seteuid(0)
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        daemon = self.launch(self.config([f"127.0.0.1:{port}"]), sockets={})
        self.assertNotIn(daemon.start_status(), (0, None), daemon.log())
        self.assert_in([f"127.0.0.1:{port}", "in use", "user"], daemon.log())

    def test_two_daemons_do_not_share_a_port_silently(self):
        """A second one with the same address must fail, not take half of the connections."""
        holder, port = reserved_port()
        self.addCleanup(holder.close)
        config = self.config([f"127.0.0.1:{port}"])
        self.ready(config, sockets={})
        second = self.launch(config, sockets={})
        self.assertNotIn(second.start_status(), (0, None), second.log())
        self.assert_in("in use", second.log())


class InATerminal(DaemonCase):
    """Without a service manager, in a runtime directory of its own."""

    def in_terminal(self):
        """A pool of commands, and no admin socket from anybody."""
        return self.ready(stub_config(workers=2) + "[admin]\nenabled = false\n", admin=False)

    def test_the_default_admin_socket_is_in_the_runtime_directory(self):
        """The other default address may be taken on this machine; that is told after."""
        daemon = self.launch(basic_config(), admin=False)
        if daemon.start_status() is None:
            self.assertTrue((daemon.runtime / "admin.sock").is_socket())
        else:
            self.assert_in(["127.0.0.1:9753", "address already in use"], daemon.log())

    def test_a_killed_one_leaves_nothing_for_ever(self):
        """The next one removes the sockets of workers that are gone."""
        daemon = self.in_terminal()
        before = set(daemon.runtime.glob("notify.[0-9]*"))
        self.assertEqual(len(before), 2)
        daemon.process.kill()
        daemon.process.wait()
        kill_session(daemon.pid)  # they serve on, since there seems to be a service manager
        daemon.start()
        daemon.ready()
        self.assertFalse(before & set(daemon.runtime.glob("notify.[0-9]*")), daemon.log())


class Unprivileged(DaemonCase):
    """As the unit runs it: user sockherd with CAP_CHOWN, sockets made by root. Fails without root."""

    def setUp(self):
        super().setUp()
        self.assertEqual(os.geteuid(), 0, "changes users: run it as root")

    def launch_as_nobody(self, config, capabilities):
        """A supervisor of uid 65534 with these ambient capabilities."""
        inherit = ",".join(f"+{name}" for name in capabilities)
        flags = [f"--inh-caps={inherit}", f"--ambient-caps={inherit}"] if inherit else []
        daemon = Daemon(config, prefix=["setpriv", "--reuid=65534", "--regid=65534",
                                        "--clear-groups", *flags, "--no-new-privs"])
        self.addCleanup(daemon.end)
        copies = daemon.directory / "bin"  # this checkout may lie where only root can read
        copies.mkdir()
        for name in ("sockherd", "sockherd-worker", "sockherd-admin"):
            shutil.copy2(program(name), copies)
        daemon.program = str(copies / "sockherd")
        subprocess.run(["chown", "-R", "65534:65534", str(daemon.directory)], check=True)
        daemon.log_file.touch()
        daemon.start()
        return daemon

    def test_clones_join_the_group_of_roots_socket(self):
        """The uid rule: the clone is given to the owner of the adopted socket before bind."""
        daemon = self.launch_as_nobody(basic_config(workers=3), ["chown"]).ready()
        daemon.wait_all_answer(3)
        self.assert_nothing_lost(self.load(daemon, count=1000).finish(), daemon)

    def test_without_the_capability_the_error_names_the_rule(self):
        """What to do about it: AmbientCapabilities=CAP_CHOWN, or more ListenStream= lines."""
        daemon = self.launch_as_nobody(basic_config(workers=3), [])
        self.assertNotIn(daemon.start_status(), (0, None), daemon.log())
        self.assert_in(["CAP_CHOWN"], daemon.log())


if __name__ == "__main__":
    unittest.main()
