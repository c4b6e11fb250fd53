"""The profiles of the unit, each as an administrator gets it: with the drop-ins that are installed. In the container.

Each serves, reloads, scales and restarts under load, and must lose nothing; and each is really in force.
"""
import http.server
import json
import os
import pathlib
import pwd
import select
import shutil
import socket
import subprocess
import threading
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
        """jit.conf: node; without it node says that it has no memory."""
        command = ["/usr/bin/node", str(HOME / "examples/node/server.js")]
        CONFIG.write_text(COMMAND.format(command=json.dumps(command), more="", listener=""))
        self.assertNotEqual(systemctl("start", SERVICE, check=False).returncode, 0)
        self.assertIn("signal TRAP", journal(60))
        self.assertIn("Fatal javascript OOM", journal(60))
        systemctl("stop", SERVICE)
        self.use("jit")
        self.run_commands(command)

    def test_programs_and_sites_in_a_home(self):
        """home.conf shows them, to be read; without it there is nothing to start."""
        home = pathlib.Path("/home/shop")
        home.mkdir(mode=0o755, exist_ok=True)
        self.addCleanup(shutil.rmtree, home)
        program = home / "program"
        program.write_text("#!/usr/bin/python3\n" + HOME.joinpath("tests/support/stub_worker.py").read_text())
        program.chmod(0o755)
        home.joinpath("index.html").write_text("from a home\n")
        os.chmod(home, 0o777)  # what refuses a new file is the unit
        CONFIG.write_text(COMMAND.format(command=f'["{program}"]', more="", listener=""))
        self.assertNotEqual(systemctl("start", SERVICE, check=False).returncode, 0)
        self.assertIn(f"exec {program}: Permission denied", journal())
        systemctl("stop", SERVICE)
        self.use("home")
        for pid in self.run_commands(["/bin/sh", "-c", f"touch made; exec {program}"], f'working_directory = "{home}"'):
            self.assertEqual(os.readlink(processes.PROC / str(pid) / "cwd"), str(home))
        self.assertEqual({path.name for path in home.iterdir()}, {"program", "index.html"})
        service.configure(routes=f', {{ path = "/site/", files = "{home}" }}')
        systemctl("reload", SERVICE)
        self.assertEqual(request(service.web_address(), "GET", "/site/index.html").body, b"from a home\n")


class LocalOnly(ProfileCase):
    """Nobody but this machine: one address more on its loopback device stands for all others."""

    FAR, PORT = "192.0.2.1", 8090

    def setUp(self):
        super().setUp()
        subprocess.run(["ip", "address", "add", f"{self.FAR}/32", "dev", "lo"], check=True)
        self.addCleanup(subprocess.run, ["ip", "address", "delete", f"{self.FAR}/32", "dev", "lo"], check=True)
        upstream = http.server.HTTPServer(("0.0.0.0", self.PORT), Upstream)
        self.addCleanup(upstream.server_close)
        self.addCleanup(upstream.shutdown)
        threading.Thread(target=upstream.serve_forever).start()

    def start_with_upstreams(self, workers):
        """One that is here, and one that is not."""
        self.start(workers, routes="".join(
            f', {{ path = "/{name}/", proxy = ["{host}:{self.PORT}"] }}'
            for name, host in (("near", "127.0.0.1"), ("far", self.FAR))), pool='connect_timeout = "200ms"')

    def who_answers(self):
        """(the upstream that is here, the other one), as clients of this machine see them."""
        return [request(service.web_address(), "GET", f"/{name}/").status for name in ("near", "far")]

    def far_clients(self):
        """Some who come from elsewhere, to all slots; ready to write to once they are connected, or have failed."""
        found = select.poll()
        for _ in range(16):
            client = socket.socket(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            self.addCleanup(client.close)
            client.connect_ex((self.FAR, actions.web_port()))
            found.register(client, select.POLLOUT)
        return found

    def assert_all_are_heard(self):
        """Each is connected."""
        clients = self.far_clients()
        until(lambda: [event for _, event in clients.poll(0)] == 16 * [select.POLLOUT], "connections", explain=journal)

    def test_others_are_neither_heard_nor_asked(self):
        """local-only.conf for what the service makes; the same lines for what the socket unit has made."""
        self.start_with_upstreams(2)
        self.assert_all_are_heard()
        self.assertEqual(self.who_answers(), [200, 200], journal())
        self.use("local-only")
        systemctl("stop", SERVICE)
        self.start_with_upstreams(1)
        self.assert_all_are_heard()  # by the one socket that is the socket unit's, which was not told
        near, far = self.who_answers()
        self.assertEqual((near, far // 100), (200, 5), journal())
        text = service.EXAMPLES.joinpath("local-only.conf").read_text()
        systemctl("stop", SERVICE, SOCKET)
        service.drop_in(SOCKET, text.replace("[Service]", "[Socket]"))
        self.addCleanup(service.remove_drop_in, SOCKET)
        self.addCleanup(systemctl, "stop", SERVICE, SOCKET, check=False)
        systemctl("start", SOCKET)
        self.start_with_upstreams(4)
        load = self.load()
        self.assertEqual(self.far_clients().poll(1000), [])
        load.after(100)
        self.assert_nothing_lost(load.stop())


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers."""

    def do_GET(self):  # the name is http.server's
        """With nothing."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):  # the first one is called format there
        """Not into our output."""


class Printed(ProfileCase):
    """What sockherdctl unit prints, as it is printed. Drop-ins of the socket that is installed: CapabilityFree."""

    def test_further_listeners(self):
        """One of three slots on a port and one on a path: systemd has nothing to say, and each slot is served."""
        units = []
        for name, arguments in (("api", ("--address", "127.0.0.1:8081", "--slots", "3")),
                                ("behind", ("--address", "unix:/run/sockherd/behind.sock"))):
            self.write_unit("--listener", name, *arguments)
            units.append(f"sockherd-{name}.socket")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units, SERVICE], text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.addCleanup(systemctl, "stop", SERVICE, *units, check=False)
        systemctl("start", *units)
        self.start(3, more="[listener.api]\n[listener.behind]\n", listeners=("web", "api", "behind"))
        seen = set()
        until(lambda: seen.add(request("127.0.0.1:8081", "GET", "/whoami").json()["slot"]) or seen == {0, 1, 2},
              "every slot answers", explain=journal)
        self.assertEqual(request("unix:/run/sockherd/behind.sock", "GET", "/plaintext").status, 200)
        listed = json.loads(service.ctl("listeners", "--json"))["listeners"]
        self.assertEqual({one["name"] for one in listed}, {"web", "api", "behind"})
        load = Hammer("127.0.0.1:8081", path="/plaintext", short=6)
        self.addCleanup(load.__exit__)
        load.after(100)
        systemctl("reload", SERVICE)
        systemctl("restart", SERVICE)
        load.after(100)
        self.assert_nothing_lost(load.stop())


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
        service.STATE.parent.with_name(f"sockherd@{name}").joinpath("state").unlink(missing_ok=True)  # it was scaled
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
        for name, count in (("bound", 4), ("given", 1)):
            service.ctl("--instance", name, "scale", "web", str(count))
            until(lambda: len(self.pids(name)) == count, f"{count} of {name}", explain=journal)
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
