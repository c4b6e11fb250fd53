"""The profiles of the unit, each as an administrator gets it: with the drop-ins that are installed. In the container.

Each serves, reloads, scales and restarts under load, and must lose nothing; and each is really in force.
"""
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import unittest

from tests.support import processes
from tests.support.hammer import Hammer
from tests.support.http import request
from tests.support.wait import until
from tests.system import actions, service
from tests.system.lossless import LosslessCase
from tests.system.service import (CONFIG, SERVICE, SOCKET, journal, main_pid, settle, systemctl,
                                  worker_pids)

HOME = pathlib.Path("/opt/sockherd-test")
SLOTS = 6
COMMAND = """\
[listener.web]
{listener}
[pool.web]
listeners = ["web"]
workers = 2
drain_timeout = "5m"
command = {command}
{more}
"""


def namespace(pid, name):
    """As the kernel calls it."""
    return os.readlink(processes.PROC / str(pid) / "ns" / name)


def status_field(pid, name):
    """A line of /proc/PID/status."""
    lines = (processes.PROC / str(pid) / "status").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith(f"{name}:"))


def sockets(pid):
    """All that a process holds."""
    folder = processes.PROC / str(pid) / "fd"
    links = (os.readlink(path) for path in folder.iterdir() if path.is_symlink())
    return {link for link in links if link.startswith("socket:")}


class ProfileCase(LosslessCase):
    """A service with drop-ins of ours."""

    def use(self, *names, unit=SERVICE):
        """The examples of that name, in that order, until the end of the test."""
        folder = service.DROP_INS / f"{unit}.d"
        folder.mkdir(parents=True, exist_ok=True)
        self.addCleanup(systemctl, "daemon-reload")
        self.addCleanup(shutil.rmtree, folder)
        self.addCleanup(systemctl, "stop", unit, check=False)
        for number, name in enumerate(names):
            shutil.copy(service.EXAMPLES / f"{name}.conf", folder / f"{number}-{name}.conf")
        systemctl("daemon-reload")

    def write_unit(self, *arguments):
        """What sockherdctl prints, put where its first line says."""
        text = service.ctl("unit", *arguments)
        path = pathlib.Path(text.splitlines()[0].removeprefix("# "))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.addCleanup(systemctl, "daemon-reload")
        self.addCleanup(path.unlink)
        systemctl("daemon-reload")

    def equal_lines(self):
        """The socket unit has all sockets."""
        systemctl("stop", SOCKET)
        self.write_unit("--address", "8080", "--slots", str(SLOTS), "--drop-in")
        self.addCleanup(systemctl, "stop", SERVICE, SOCKET, check=False)
        systemctl("start", SOCKET)

    def assert_score(self, most):
        """What systemd says of the unit as it runs."""
        done = subprocess.run(["systemd-analyze", "security", "--no-pager", f"--threshold={most}", SERVICE], text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout)

    def serve_reload_scale(self):
        """Everything that goes on in the life of a service."""
        self.begin()
        self.act(actions.reload, 4, times=2)
        for count in (2, SLOTS, 3):
            self.act(actions.scale, count)
        self.act(actions.restart, 3)
        self.act(actions.kill_main, 3)
        self.end()

    def run_commands(self, command, more="", listener=""):
        """A pool of programs: replaced twice under load, none of them killed."""
        words = ", ".join(f'"{word}"' for word in command)
        CONFIG.write_text(COMMAND.format(command=f"[{words}]", more=more, listener=listener))
        systemctl("start", SERVICE)
        service.wait_workers(2)
        self.load = self.load_of_commands()
        self.held = 0
        for _ in range(2):
            before = worker_pids()
            self.act(actions.reload, 2)
            until(lambda gone=before: not any(map(processes.is_alive, gone)), "the end of the old ones",
                  explain=journal)
        self.end()
        return worker_pids()

    def load_of_commands(self):
        """A connection for each request: what every program can stand."""
        load = Hammer(service.web_address(), path="/whoami", short=8, latency_ms=20, slow_after_ms=3000)
        self.addCleanup(load.__exit__)
        load.after(200)
        return load


class Default(ProfileCase):
    """The unit as it is installed."""

    def test_serves_reloads_and_scales(self):
        """With eBPF, and sockets of its own."""
        self.serve_reload_scale()
        self.assertEqual(service.balance_in_force(), "least-connections", journal(60))
        self.assertEqual([status_field(pid, "CapEff") for pid in worker_pids()], 3 * [16 * "0"])
        self.assert_score(17)

    def test_a_program_that_binds_gets_our_socket(self):
        """seccomp, process_vm_readv and pidfds are left to it."""
        pids = self.run_commands(["/usr/bin/python3", str(HOME / "tests/support/binding_worker.py")],
                                 'handover = "reuse-port"', 'address = "[::]:8080"')
        for pid in pids:
            self.assertTrue(sockets(pid) & sockets(main_pid()), journal(60))

    def test_programs_of_other_users(self):
        """users.conf: they become them, are told to finish, and are seen."""
        self.use("users")
        pids = self.run_commands(["/usr/bin/python3", str(HOME / "tests/support/stub_worker.py")], 'user = "www-data"')
        self.assertEqual({service.user_of(pid) for pid in pids}, {pwd.getpwnam("www-data").pw_uid})
        CONFIG.write_text(CONFIG.read_text() + 'max_memory = "1MiB"\n')
        systemctl("reload", SERVICE)
        until(lambda: "max_memory" in journal(60), "that their memory is seen", explain=journal)

    def test_workers_that_stay_on_a_cpu(self):
        """pin.conf; without it they serve all the same, and say what they lack."""
        self.start(pool='pin = "auto"')
        self.assertRegex(journal(), "not-pinned .*pin.conf")
        self.use("pin")
        systemctl("stop", SERVICE)
        self.start(pool='pin = "auto"')
        for pid in worker_pids():
            self.assertEqual(len(os.sched_getaffinity(pid)), 1)

    def test_programs_that_compile(self):
        """jit.conf: node."""
        self.use("jit")
        self.run_commands(["/usr/bin/node", str(HOME / "examples/node/server.js")])


class CapabilityFree(ProfileCase):
    """Sockets of equal ListenStream= lines, and no capability."""

    def setUp(self):
        super().setUp()
        self.equal_lines()

    def test_serves_reloads_and_scales(self):
        """In a user namespace."""
        self.use("capability-free")
        self.serve_reload_scale()
        self.assertEqual(status_field(main_pid(), "CapBnd"), 16 * "0")
        self.assertNotEqual(namespace(main_pid(), "user"), namespace(1, "user"))
        self.assert_score(11)

    def test_with_ebpf(self):
        """bpf.conf brings least-connections back."""
        self.use("capability-free", "bpf")
        self.start()
        answer = service.admin("PUT", "/v1/pools/web/desired", {"workers": SLOTS + 1})
        self.assertEqual(answer.status, 503, answer)
        self.assertIn(b"ListenStream=", answer.body)
        self.assertEqual(service.balance_in_force(), "least-connections", journal(60))
        self.assert_score(15)

    def test_sealed(self):
        """No network at all."""
        self.use("capability-free", "sealed")
        self.serve_reload_scale()
        for pid in (main_pid(), *worker_pids()):
            self.assertNotEqual(namespace(pid, "net"), namespace(1, "net"))
        self.assert_score(2)


class Instances(ProfileCase):
    """Several sockherds, each with a file, sockets and a user interface of its own."""

    def configure(self, name, workers, address=""):
        """Returns what to start."""
        path = CONFIG.with_name(f"{name}.toml")
        path.write_text(service.CONFIGURATION.format(listener=f'address = "{address}"' if address else "", more="",
                                                     listeners='"web"', workers=workers, routes="", pool=""))
        self.addCleanup(path.unlink)
        units = [f"sockherd@{name}.service", f"sockherd@{name}.socket", f"sockherd-admin@{name}.socket"]
        self.addCleanup(systemctl, "stop", *units, check=False)
        return units[0]

    def test_live_side_by_side(self):
        """One binds by itself, one has a socket unit, and the one that is installed is there as well."""
        self.start(workers=2)
        bound = self.configure("bound", 2, "127.0.0.1:8101")
        given = self.configure("given", 3)
        service.drop_in(bound, "[Service]\nUser=www-data\n")
        self.addCleanup(service.remove_drop_in, bound)
        self.write_unit("--instance", "given", "--address", "127.0.0.1:8102", "--slots", "2", "--drop-in")
        systemctl("start", bound, "sockherd@given.socket")
        request("127.0.0.1:8102", "GET", "/plaintext")  # starts it
        until(lambda: service.show("ActiveState", given) == "active", "the other one")
        before = {name: self.pids(name) for name in ("bound", "given")}
        self.assertEqual([len(pids) for pids in before.values()], [2, 3])
        loads = [Hammer(f"127.0.0.1:{port}", path="/plaintext", short=6) for port in (8101, 8102)]
        for load in loads:
            self.addCleanup(load.__exit__)
            load.after(100)
        systemctl("reload", bound)
        systemctl("restart", bound)
        systemctl("reload", given)
        for load in loads:
            load.after(100)
            self.assert_nothing_lost(load.stop())
        for name, pids in before.items():
            self.assertFalse(self.pids(name) & pids)
            self.assertIn(b"sockherd_build_info", request(f"unix:/run/sockherd@{name}/admin.sock", "GET",
                                                          "/metrics").body)
        self.assertEqual({service.user_of(pid) for pid in self.pids("bound")}, {pwd.getpwnam("www-data").pw_uid})
        settle(2)

    @staticmethod
    def pids(name):
        """Of the workers that serve there."""
        lines = service.ctl("--instance", name, "workers", "--json")
        return {worker["pid"] for worker in json.loads(lines)["workers"] if worker["state"] == "ready"}


if __name__ == "__main__":
    unittest.main()
