#!/usr/bin/env python3
"""Starts sockherd-worker as the supervisor does: sockets, configuration and environment.

    spawn_worker.py [--port 8080] [--workers 2] [--config FILE] path/to/sockherd-worker [ARGS...]

Ends with SIGTERM or SIGINT, which it passes on. As a module: Workers(...) for tests.
"""
import argparse
import os
import signal
import socket
import sys

FIRST_FD = 3  # SD_LISTEN_FDS_START
DEMO = """
[listener.web]
address = "127.0.0.1:8080"
[pool.web]
listeners = ["web"]
workers = 1
routes = [{ path = "/", module = "demo" }]
"""


def tcp_listener(port, host="127.0.0.1", backlog=4096):
    """A listening socket of the SO_REUSEPORT group of that port; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.listen(backlog)
    return listener


def sealed_file(name, text):
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, text.encode())
    return fd


def spawn(program, passed, environment=(), arguments=()):
    """Forks and runs program with `passed`, a list of (name, fd), from descriptor 3 on. Its pid."""
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        # Above the range first, so that no descriptor is overwritten before it is copied.
        high = [os.dup(fd) for _, fd in passed]
        high = [fd if fd >= FIRST_FD + len(high) else os.dup2(fd, 200 + i)
                for i, fd in enumerate(high)]
        for number, fd in enumerate(high, FIRST_FD):
            os.dup2(fd, number, inheritable=True)
        env = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(passed)),
                   LISTEN_FDNAMES=":".join(name for name, _ in passed), **dict(environment))
        os.execve(program, [program, *arguments], env)
    finally:
        os._exit(127)


def spawn_worker(program, listeners, config=DEMO, slot=0, generation=1, pool="web", environment=(),
                 arguments=()):
    """One worker on `listeners`, a list of (name, socket). Its pid."""
    fd = sealed_file("sockherd.config", config)
    try:
        passed = [("sockherd.config", fd)] + [(name, sock.fileno()) for name, sock in listeners]
        own = {"SOCKHERD_POOL": pool, "SOCKHERD_SLOT": str(slot),
               "SOCKHERD_GENERATION": str(generation)}
        return spawn(program, passed, {**own, **dict(environment)}, arguments)
    finally:
        os.close(fd)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--config", help="TOML file with a pool named web; default: the demo")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    config = DEMO
    if options.config:
        with open(options.config, encoding="utf-8") as file:
            config = file.read()
    pids = []
    for slot in range(options.workers):
        listener = tcp_listener(options.port)
        pids.append(spawn_worker(options.program, [("web", listener)], config, slot,
                                 arguments=options.arguments))
        listener.close()  # the worker has the only one: when it ends, the port is free
    print("workers", *pids, flush=True)

    def pass_on(number, _frame):
        for pid in pids:
            os.kill(pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    sys.exit(max(statuses, key=abs))


if __name__ == "__main__":
    main()
