"""What happens to the installed service, each as a function that returns when it is through.

Those that kill a worker return how many connections it held: only these may be lost. So that the
count is exact, the victim stands still (SIGSTOP) from before it is taken until the SIGKILL.
"""
import functools
import os
import pathlib
import shutil
import signal

from tests.support import processes, tcp
from tests.support.wait import until
from tests.system import service
from tests.system.service import (SERVICE, SOCKET, journal, main_pid, scale_to, serving, settle, show,
                                  systemctl, web_address)

PROGRAMS = ("usr/sbin/sockherd", "usr/bin/sockherdctl", "usr/libexec/sockherd/sockherd-worker",
            "usr/libexec/sockherd/sockherd-admin")
BROKEN = "[pool.web]\nwokers = 2\n"


def freeze(*pids):
    """From then on they accept nothing."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        until(lambda p=pid: processes.stat_fields(p)[0] == "T", f"{pid} stopped")


@functools.cache
def web_port():
    """Looked up once: nothing may take time while somebody stands still."""
    return int(web_address().rsplit(":", 1)[1])


def held(pid):
    """The web connections of a process that stands still."""
    return tcp.accepted([pid], web_port())


def new_main(before, count, without=()):
    """Another supervisor, and `count` workers."""
    until(lambda: main_pid() not in (0, before), "another supervisor", explain=journal)
    settle(count, without)


def restart(count):
    """systemctl restart; returns when no old worker serves any more."""
    before, workers = main_pid(), serving()
    systemctl("restart", SERVICE)
    new_main(before, count, workers)


def restart_with_socket(count):
    """Service and socket unit in one transaction, until systemd succeeds with it.

    A connection that comes after the stop of the one and before that of the other starts the service
    again; systemd 252 then refuses to start the socket ("Socket service already active"). The service
    has the sockets in its store, so nobody notices.
    """
    for _ in range(20):
        before, workers = main_pid(), serving()
        done = systemctl("restart", SERVICE, SOCKET, check=False)
        new_main(before, count, workers)
        if done.returncode == 0:
            return
        if "already active, refusing" not in journal(20, SOCKET):
            break
    raise AssertionError(f"{done.stderr}{journal(60, SERVICE, SOCKET)}")


def stop_and_go(count):
    """systemctl stop, while traffic starts it again."""
    before, workers = main_pid(), serving()
    systemctl("stop", SERVICE)
    new_main(before, count, workers)


def kill_main(count):
    """kill -9 of the supervisor; its workers serve on."""
    before = main_pid()
    os.kill(before, signal.SIGKILL)
    new_main(before, count)


def kill_worker(count):
    """kill -9 of a worker."""
    victim, _ = min(serving()), web_port()
    freeze(victim)
    lost = held(victim)
    os.kill(victim, signal.SIGKILL)
    settle(count, {victim})
    return lost


def kill_slot(slot, times):
    """kill -9 of whoever serves a slot, as soon as it does, again and again."""
    lost, victim = 0, 0
    for _ in range(times):
        victim = until(lambda last=victim: service.pid_of_slot(slot, last), "a successor",
                       explain=journal)
        freeze(victim)
        lost += held(victim)
        os.kill(victim, signal.SIGKILL)
    return lost


def kill_main_and_worker(count):
    """Both, before the one could notice the end of the other."""
    before, victim, _ = main_pid(), min(serving()), web_port()
    freeze(before, victim)
    lost = held(victim)
    os.kill(victim, signal.SIGKILL)
    os.kill(before, signal.SIGKILL)
    new_main(before, count, {victim})
    return lost


def hang(count):
    """A worker stands still until it is found (hang_timeout), ended and replaced."""
    victim, _ = min(serving()), web_port()
    freeze(victim)
    lost = held(victim)
    settle(count, {victim})
    return lost


def reload(count):
    """systemctl reload of whatever is in the file; all workers are new afterwards."""
    before = serving()
    systemctl("reload", SERVICE)
    settle(count, before)


def reload_broken():
    """It fails, and changes nothing."""
    good, before = service.CONFIG.read_text(), serving()
    service.CONFIG.write_text(BROKEN)
    try:
        done = systemctl("reload", SERVICE, check=False)
    finally:
        service.CONFIG.write_text(good)
    if done.returncode == 0 or serving() != before or show("ActiveState") != "active":
        raise AssertionError(f"a broken configuration: {done}, {before}, {serving()}\n{journal()}")


def rolling_restart(count):
    """sockherdctl restart: one by one."""
    before = serving()
    service.ctl("restart", "web")
    settle(count, before)


def scale(count):
    """Over the admin port."""
    scale_to(count)
    settle(count)


def keep_programs(folder):
    """A copy of the installed programs."""
    for name in PROGRAMS:
        copy = pathlib.Path(folder, name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(pathlib.Path("/", name), copy)


def install_programs(folder):
    """As a package does it: a new file beside the old one, renamed over it."""
    for name in PROGRAMS:
        target = pathlib.Path("/", name)
        partial = target.with_name(target.name + ".dpkg-new")
        shutil.copy2(pathlib.Path(folder, name), partial)
        partial.rename(target)


def upgrade(folder, count):
    """Other programs, then systemctl restart."""
    install_programs(folder)
    restart(count)
