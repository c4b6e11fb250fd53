"""handover = "reuse-port": a program that binds the address itself gets the socket of its slot, whose queue
outlives it."""
import json
import os
import pathlib
import signal
import socket
import sys
import tempfile

from tests.support.case import ManagedCase
from tests.support.daemon import equal_listeners, tcp_listener
from tests.support.tcp import accept_queue
from tests.support.wait import until

PROGRAM = str(pathlib.Path(__file__).parents[1] / "support" / "binding_worker.py")


def config(*arguments, workers=2, pool="", address=""):
    """A pool of binding_worker.py."""
    command = ", ".join(f'"{word}"' for word in (sys.executable, PROGRAM, *arguments))
    return (f'[listener.web]\naddress = "{address}"\n[pool.web]\nlisteners = ["web"]\nworkers = {workers}\n'
            f'max_workers = 8\nhandover = "reuse-port"\noutput = "inherit"\ncommand = [{command}]\n{pool}\n')


def kill_all(daemon):
    """Every worker, one after the other; each has a successor before the next one dies."""
    for slot, pid in sorted(daemon.pids().items()):
        os.kill(pid, signal.SIGKILL)
        until(lambda slot=slot, pid=pid: daemon.pids().get(slot) not in (None, pid),
              f"a successor in slot {slot}", explain=daemon.log)


class Binding(ManagedCase):
    """What the program gets."""

    def told(self, daemon):
        """What the programs have said of themselves, by slot."""
        lines = [line for line in daemon.log().splitlines() if line.startswith("{")]
        return {line["slot"]: line for line in map(json.loads, lines)}

    def test_it_listens_on_the_socket_of_its_slot(self):
        """And on nothing else there; whatever it binds beside is left alone."""
        sockets = equal_listeners(2)
        daemon = self.ready(config(), sockets={"web": sockets})
        self.assert_all_serve(daemon, 2)
        told = self.told(daemon)
        inodes = {os.fstat(one.fileno()).st_ino for one in sockets}
        self.assertEqual({inode for one in told.values() for inode in one["inodes"]}, inodes)
        port = sockets[0].getsockname()[1]
        for one in told.values():
            self.assertEqual(one["udp"], port)
            socket.create_connection(("127.0.0.1", one["own"]), 5).close()

    def test_the_backlog_is_that_of_the_listener(self):
        """Not the small one that the program asks for."""
        sockets = [tcp_listener(backlog=1000)]
        daemon = self.ready(config("--backlog", "1", workers=1), sockets={"web": sockets})
        self.assert_all_serve(daemon, 1)
        self.assertEqual(accept_queue(sockets[0])[1], 1000)

    def test_every_way_to_name_the_address_means_it(self):
        """All addresses, or the own machine, of either family."""
        for listening, host in (("127.0.0.1", "0.0.0.0"), ("127.0.0.1", "::"), ("::", "0.0.0.0"),
                                ("::", "127.0.0.1"), ("::1", "127.0.0.1"), ("0.0.0.0", "::")):
            with self.subTest(listening=listening, host=host):
                daemon = self.ready(config("--host", host), sockets={"web": [tcp_listener(listening)]})
                self.assert_all_serve(daemon, 2)
                daemon.end()

    def test_children_and_several_sockets(self):
        """A cluster whose child binds, and one that binds N times."""
        for arguments in (["--child"], ["--sockets", "3"]):
            with self.subTest(arguments):
                daemon = self.ready(config(*arguments))
                self.assert_all_serve(daemon, 2)
                for one in self.told(daemon).values():
                    self.assertEqual(len(set(one["inodes"])), 1)
                daemon.end()

    def test_a_program_that_waits_in_accept_may(self):
        """Its socket waits as it had made it; that of one which does not wait does not."""
        daemon = self.ready(config("--blocking", workers=1))
        self.assert_all_serve(daemon, 1)
        self.assertEqual(self.told(daemon)["0"]["blocking"], [True])

    def test_it_is_ready_when_it_listens(self):
        """Neither earlier, nor a second later."""
        with tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp") as directory:
            flag = pathlib.Path(directory, "now")
            daemon = self.launch(config("--late", str(flag), pool='start_timeout = "60s"'))
            until(lambda: [worker["uptime_seconds"] > 2 for worker in daemon.workers()] == [True, True],
                  "two seconds of life")
            self.assertEqual(daemon.ready_workers(), [])
            flag.touch()
            daemon.ready()
            self.assert_all_serve(daemon, 2)


class UnderLoad(ManagedCase):
    """Nothing is lost but what a killed process had accepted."""

    def test_kill_each_of_them(self):
        """One accepted connection each, at most: the program serves one after the other."""
        daemon = self.ready(config(workers=3))
        daemon.wait_workers(3)
        with self.load(daemon) as load:
            load.after(300)
            kill_all(daemon)
            load.after(300)
            report = load.stop()
        self.assert_nothing_lost(report, daemon, at_most=3)

    def test_reload_and_scaling(self):
        """1 → 4 → 1, and three reloads."""
        daemon = self.ready(config(workers=1))
        with self.load(daemon) as load:
            load.after(300)
            for count in (4, 1, 3):
                self.assertEqual(daemon.scale(count).status, 200, daemon.log())
                daemon.wait_workers(count)
                load.after(300)
            for _ in range(3):
                self.assertEqual(daemon.reload().status, 200, daemon.log())
                load.after(300)
            report = load.stop()
        self.assert_nothing_lost(report, daemon)

    def test_another_supervisor_goes_on_with_it(self):
        """Killed or restarted; a program that binds after that gets its socket, too."""
        with tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp") as directory:
            flag = pathlib.Path(directory, "now")
            daemon = self.launch(config("--late", str(flag), pool='start_timeout = "60s"'))
            until(lambda: len(daemon.workers()) == 2, "two workers")
            before = {worker["pid"] for worker in daemon.workers()}
            daemon.kill().start()
            until(lambda: len(daemon.workers()) == 2, "two workers")
            self.assertEqual({worker["pid"] for worker in daemon.workers()}, before)
            flag.touch()
            daemon.ready()
            self.assert_all_serve(daemon, 2)
            with self.load(daemon) as load:
                load.after(300)
                daemon.crash()
                load.after(300)
                daemon.restart()
                daemon.wait_workers(2)
                load.after(300)
                report = load.stop()
            self.assert_nothing_lost(report, daemon)
