"""A service manager for tests: what systemd does for sockherd.service, without systemd.

    daemon = ManagedDaemon(config, sockets={"web": [tcp_listener()]})
    daemon.start(); daemon.ready()
    daemon.crash()      # SIGKILL of the supervisor alone; the next one gets the descriptors back
    daemon.restart()    # SIGTERM that means a restart
    daemon.stop()       # SIGTERM that means a stop; the store is emptied, the sockets go on listening

As in our unit: KillMode=process (nobody but the supervisor gets a signal), NotifyAccess=main,
NonBlocking=yes, FileDescriptorStoreMax=. Descriptors are passed in a random order: systemd promises
none. Orphaned workers become our children, as they become those of PID 1, and are reaped.
"""
import os
import random

from tests.support import processes
from tests.support.daemon import Daemon
from tests.support.fd_store import FdStore, valid_name
from tests.support.notify import NotifySocket, close_all
from tests.support.orphans import OrphanKiller, adopt_orphans
from tests.support.wait import until

STORE_MAX = 8192  # FileDescriptorStoreMax= of our unit
MARKER = "UNDER_TEST"


class ServiceManager(NotifySocket):
    """Takes what the main process says, keeps the descriptors that it hands over, reaps orphans."""

    turn_seconds = 0.02

    def __init__(self, path, store_max):
        self.main_pid = None
        self.sessions = set()  # of all supervisors so far
        self.refused = []      # messages of other processes
        self.faults = []       # what systemd would take, but not as it was meant
        super().__init__(path)
        self.store = FdStore(store_max, self.poll)

    def take(self, message, descriptors):
        if message.pid != self.main_pid:
            self.refused.append(message)
            return close_all(descriptors)
        self.messages.append(message)
        name = message.get("FDNAME")
        if message.get("FDSTORE") == "1":
            self._check(len(descriptors) == 1, "not one descriptor", message)
            self._check(name == valid_name(name), "bad name", message)
            for fd in descriptors:
                self.store.add(name, fd, message.get("FDPOLL") != "0")
            return None
        if message.get("FDSTOREREMOVE") == "1":
            self._check(name == valid_name(name), "bad name", message)
            self.store.remove(name)
        if message.get("BARRIER") == "1":
            self._check(len(message) == 1, "a barrier with more in it is ignored", message)
        return close_all(descriptors)  # for BARRIER=1 this is the answer

    def _check(self, holds, fault, message):
        if not holds:
            self.faults.append((fault, message))

    def on_event(self, fd, events):
        self.store.on_event(fd, events)

    def on_turn(self):
        """Takes the end of orphans, as PID 1 does."""
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        for pid in processes.orphans_of(self.sessions) if ended else []:
            os.waitpid(pid, os.WNOHANG)

    def close(self):
        with self.lock:
            self.store.clear()
        super().close()


class ManagedDaemon(Daemon):
    """A daemon with a life longer than that of its supervisor."""

    def __init__(self, config, *, store_max=STORE_MAX, stop_means="restart", seed=1, **options):
        self.store_max = store_max
        self.stop_means = stop_means  # of the next start: "restart", or None as in a stop
        self.random = random.Random(seed)
        adopt_orphans()
        super().__init__(config, **options)
        self.environment[MARKER] = str(self.directory)
        self.killer = OrphanKiller(f"{MARKER}={self.directory}")

    def open_notify(self, path):
        return ServiceManager(path, self.store_max)

    @property
    def store(self):
        """What the manager keeps."""
        return self.notify.store

    def passed(self):
        """The sockets of the units and the store, in any order; only those of one unit keep theirs, that of
        its lines (sd_listen_fds(3))."""
        units = super().passed()
        for _, fd in units:
            os.set_blocking(fd, False)
        passed = units + [(entry.name, entry.fd) for entry in self.store.entries]
        self.random.shuffle(passed)
        in_order = {name: iter([one for one in units if one[0] == name]) for name, _ in units}
        return [next(in_order[name]) if name in in_order else (name, fd) for name, fd in passed]

    # ---- life ----

    def start(self):
        self.notify.flush()  # what the last main process said came before its end
        with self.notify.lock:
            self.environment.pop("SOCKHERD_STOP_MEANS", None)
            if self.stop_means:
                self.environment["SOCKHERD_STOP_MEANS"] = self.stop_means
            super().start()
            self.notify.main_pid = self.process.pid
            self.notify.sessions.add(self.process.pid)

    def kill(self):
        """SIGKILL of the supervisor, and of nobody else."""
        self.process.kill()
        self.process.wait()
        return self

    def crash(self):
        """kill() and a new one that is ready."""
        self.kill().start()
        return self.ready()

    def terminate(self, status=0):
        """SIGTERM to the supervisor; it must end with this status."""
        self.process.terminate()
        ended = self.exit_status()
        if ended != status:
            raise AssertionError(f"exited with {ended}:\n{self.log()}")
        return self

    def restart(self):
        """systemctl restart: everything stays in the store, and the new one is ready."""
        self.terminate().start()
        return self.ready()

    def stop(self):
        """systemctl stop: the store is emptied once the supervisor has ended."""
        if self.environment.get("SOCKHERD_STOP_MEANS"):
            raise AssertionError("this supervisor takes SIGTERM for a restart")
        self.terminate()
        self.notify.flush()
        with self.notify.lock:
            self.store.clear()
        return self

    def end(self):
        """Ends everything, the orphans too; the second time there is nothing left to end."""
        if self.notify.is_closed:
            return
        self.killer.close()  # the supervisor too
        if self.process:
            self.process.wait()
        until(lambda: not processes.orphans_of(self.notify.sessions), "every orphan is reaped")
        super().end()

    # ---- processes ----

    def living(self):
        """All processes of this daemon, whoever started them."""
        return [pid for leader in self.notify.sessions for pid in processes.session_of(leader)]

    def worker_processes(self):
        """The living workers by /proc, also while there is no supervisor."""
        return {pid for pid in self.living() if processes.name(pid) == "sockherd-worker"}
