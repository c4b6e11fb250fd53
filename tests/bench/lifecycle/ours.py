"""sockherd, with its units as they are installed."""
import pathlib
import subprocess

from tests.bench.lifecycle.system import SCALES, WORKERS, System
from tests.support.http import request
from tests.support.wait import until
from tests.system import actions, service
from tests.system.service import (ADMIN_SOCKET, SERVICE, SOCKET, configure, serving, settle,
                                  systemctl)

NEXT = pathlib.Path("/opt/sockherd-next")  # another build, as bench_lifecycle.py put it there
THIS = pathlib.Path("/opt/sockherd-this")
EQUAL_LINES = "[Socket]\nListenStream=\n" + 8 * "ListenStream=8080\n"
NO_CAPABILITIES = "[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n"
EXTRA = "127.0.0.1:8085"
POOL = {  # what a row needs beside the defaults
    "recycle": "max_requests = 2000",
    "hang": 'hang_timeout = "1s"',
    "crash-loop": 'restart_delay_max = "200ms"',
}


class Sockherd(System):
    """Four workers, eBPF."""

    name = "sockherd"
    unit = SERVICE
    port = 8080
    rows = {
        "reload": "reload", "reload-changed": "reload_changed", "reload-broken": "reload_broken",
        "listener": "listener", "scale": "scale", "scale-hash": "scale", "scale-cpu": "scale",
        "scale-lines": "scale", "late": "scale", "rolling": "rolling", "recycle": "recycle",
        "restart": "restart", "restart-socket": "restart_socket", "upgrade": "upgrade", "stop": "stop",
        "kill-main": "kill_main", "kill-both": "kill_both", "kill-worker": "kill_worker",
        "crash-loop": "crash_loop", "hang": "hang",
    }

    def begin(self, row):
        self.turn = 0
        self.end()
        if row == "upgrade" and not THIS.exists():
            actions.keep_programs(THIS)
        if row == "scale-lines":
            service.drop_in(SOCKET, EQUAL_LINES)
            service.drop_in(SERVICE, NO_CAPABILITIES)
        balance = {"scale-hash": "hash", "scale-cpu": "cpu"}.get(row, "least-connections")
        self.options = {"pool": POOL.get(row, ""), "listener": f'balance = "{balance}"'}
        self.write(WORKERS)
        systemctl("start", SOCKET, ADMIN_SOCKET)
        systemctl("start", SERVICE)
        settle(WORKERS)
        in_force = service.balance_in_force()
        if in_force != ("hash" if row == "scale-lines" else balance):
            raise AssertionError(f"{row}: balance {balance}, in force: {in_force}")

    def end(self):
        systemctl("stop", SERVICE, SOCKET, ADMIN_SOCKET, check=False)
        systemctl("reset-failed", check=False)
        service.STATE.unlink(missing_ok=True)
        for unit in (SERVICE, SOCKET):
            service.remove_drop_in(unit)
        if THIS.exists():
            actions.install_programs(THIS)

    def write(self, workers):
        configure(workers, **self.options)

    def serving(self):
        return serving()

    def version(self):
        return subprocess.run(["sockherd", "--version"], text=True, capture_output=True,
                              check=True).stdout.split("\n", maxsplit=1)[0]

    def reload(self):
        """All four workers at once."""
        actions.reload(WORKERS)

    def reload_changed(self):
        """Another route, and it is there afterwards."""
        path = f"/v{self.turn}/"
        configure(WORKERS, routes=f', {{ path = "{path}", module = "demo" }}', **self.options)
        actions.reload(WORKERS)
        answer = request(self.address, "GET", path + "plaintext")
        if answer.status != 200:
            raise AssertionError(f"the changed configuration is not in force: {answer}")

    def reload_broken(self):
        """It fails."""
        actions.reload_broken()

    def listener(self):
        """Odd turns add it, even ones remove it."""
        if self.turn % 2:
            configure(WORKERS, more=f'[listener.extra]\naddress = "{EXTRA}"',
                      listeners=("web", "extra"), **self.options)
        else:
            self.write(WORKERS)
        actions.reload(WORKERS)

    def scale(self):
        """Over the admin port."""
        actions.scale(SCALES[(self.turn - 1) % len(SCALES)])

    def rolling(self):
        """One worker at a time."""
        actions.rolling_restart(WORKERS)

    def recycle(self):
        """Each worker after 2,000 requests, up to a fifth earlier: one of them is new."""
        before = serving()
        until(lambda: serving() - before, "a recycled worker", explain=service.journal)

    def restart(self):
        actions.restart(WORKERS)

    def restart_socket(self):
        """In one transaction."""
        actions.restart_with_socket(WORKERS)

    def upgrade(self):
        """Odd turns there, even ones back."""
        actions.upgrade(NEXT if self.turn % 2 else THIS, WORKERS)

    def stop(self):
        """systemctl stop."""
        actions.stop_and_go(WORKERS)

    def kill_main(self):
        actions.kill_main(WORKERS)

    def kill_both(self):
        """Before the one could notice the end of the other."""
        return actions.kill_main_and_worker(WORKERS)

    def kill_worker(self):
        return actions.kill_worker(WORKERS)

    def crash_loop(self):
        """Always slot 1, as soon as it is up."""
        return actions.kill_slot(1, 1)

    def hang(self):
        """Until it is found, ended and replaced."""
        return actions.hang(WORKERS)
