"""A worker in another language: accepts on descriptor 3, speaks sd_notify, drains at SIGTERM.

    stub_worker.py [--crash-slot N --while FILE] [--crash-once FILE] [--end-when-ready FILE]
                   [--never-ready] [--beat-while FILE] [--trigger FILE]

--crash-slot: exits with status 3 at start in that slot ("all": in any), as long as FILE exists.
--crash-once: exits with status 3 at start, if FILE exists, and removes it: one worker does.
--end-when-ready: exits with status 4 right after READY=1, as long as FILE exists.
--beat-while: says WATCHDOG=1 again and again, as long as FILE exists.
--trigger: says WATCHDOG=trigger, if FILE exists, and removes it: one worker does.
Answers every request with JSON of who it is, like /whoami of the built-in engine; /portrait with what it was
started with; /eat after it has taken 256 MiB of memory, for good.
"""
import argparse
import json
import os
import resource
import select
import signal
import socket
import sys


def notify(text):
    """sd_notify(3)."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(text.encode(), path)


def portrait():
    """What there is to see of a process from inside."""
    umask = os.umask(0)
    os.umask(umask)
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        cgroup = file.read().strip().rpartition("::")[2]
    return {"arguments": sys.argv[1:], "environment": dict(os.environ), "directory": os.getcwd(),
            "umask": umask, "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
            "user": os.getresuid(), "group": os.getresgid(), "groups": sorted(os.getgroups()),
            "cpus": sorted(os.sched_getaffinity(0)), "cgroup": cgroup}


EATEN = []


def answer(connection):
    """One request, one answer, then the connection ends."""
    connection.settimeout(5)
    seen = b""
    while b"\r\n\r\n" not in seen:
        got = connection.recv(65536)
        if not got:
            return
        seen += got
    if seen.startswith(b"GET /eat "):
        EATEN.append(b"x" * (256 << 20))
    body = json.dumps(portrait() if seen.startswith(b"GET /portrait ") else {"pool": os.environ.get("SOCKHERD_POOL"), "pid": os.getpid(),
                       "slot": int(os.environ.get("SOCKHERD_SLOT", -1)),
                       "generation": int(os.environ.get("SOCKHERD_GENERATION", -1)),
                       "marker": os.environ.get("MARKER"),
                       "watchdog": os.environ.get("WATCHDOG_USEC"),
                       "names": os.environ.get("LISTEN_FDNAMES")}).encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))


def accept_until_told(listeners, on_start=None, on_turn=None, longest_turn=None):
    """Answers whoever comes, one after the other, until SIGTERM; whatever was accepted by then is answered.
    on_start: called when SIGTERM is heard. on_turn: called at least every longest_turn seconds."""
    ended, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)
    for listener in listeners:
        listener.setblocking(False)
    if on_start:
        on_start()
    while True:
        if on_turn:
            on_turn()
        readable, _, _ = select.select([*listeners, ended], [], [], longest_turn)
        if ended in readable:
            return
        for listener in readable:
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                continue
            with connection:
                try:
                    answer(connection)
                except OSError:
                    pass  # the client went away


def takes(path):
    """Whether it is there; it is not there any more then."""
    try:
        os.unlink(path)
        return True
    except FileNotFoundError:
        return False  # or another worker was quicker


def serve(listeners, options):
    """Says when it can serve and when it ends."""
    def begin():
        notify("READY=1\nSTATUS=serving")
        if os.path.exists(options.end_when_ready or ""):
            sys.exit(4)

    def beat():
        if os.path.exists(options.beat_while or ""):
            notify("WATCHDOG=1")
        if options.trigger and takes(options.trigger):
            notify("WATCHDOG=trigger")
    accept_until_told(listeners, begin, beat, 0.05 if options.beat_while or options.trigger else None)
    notify("STOPPING=1")


def main():
    """Checks what it was passed, as sd_listen_fds(3) does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--crash-slot")
    parser.add_argument("--while", dest="flag")
    parser.add_argument("--crash-once")
    parser.add_argument("--end-when-ready")
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--beat-while")
    parser.add_argument("--trigger")
    options, _ = parser.parse_known_args()  # others are for the portrait
    is_victim = options.crash_slot in ("all", os.environ.get("SOCKHERD_SLOT"))
    if is_victim and os.path.exists(options.flag or ""):
        sys.exit(3)
    if options.crash_once and takes(options.crash_once):
        sys.exit(3)
    if options.never_ready:
        signal.pause()
    if int(os.environ["LISTEN_PID"]) != os.getpid():
        sys.exit("LISTEN_PID is not ours")
    listeners = [socket.socket(fileno=3 + i) for i in range(int(os.environ["LISTEN_FDS"]))]
    serve(listeners, options)


if __name__ == "__main__":
    main()
