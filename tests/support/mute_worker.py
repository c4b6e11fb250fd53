"""A program that knows nothing of systemd: serves HTTP on the descriptor it is told, ends at SIGTERM.

    mute_worker.py FD [--deaf-while FILE] [--health FILE] [--crash-slot N --while FILE [--after S]]
                   [--abort-note FILE] [--grow FILE]

--deaf-while: accepts nothing as long as FILE exists, and does nothing else either.
--health: /healthz is answered with the status that stands in FILE; 503 where it is not there.
--crash-slot: in that slot ("all": in any) it exits with status 3, S seconds after it has begun to accept, as
    long as FILE exists.
--abort-note: writes its pid to FILE when it gets SIGABRT, then ends by it.
--grow: while FILE exists, its requests make it use 8 MiB more each.
One thread, one request at a time; /slow?MS takes that long. Everything else is answered with JSON of who it is.
"""
import argparse
import json
import os
import re
import select
import signal
import socket
import sys
import time

HOARD = []


def respond(connection, options, path):
    """One answer."""
    status = 200
    slow = re.match(rb"/slow\?(\d+)", path)
    if slow:
        time.sleep(int(slow.group(1)) / 1000)
    if path == b"/healthz":
        try:
            with open(options.health, encoding="ascii") as file:
                status = int(file.read())
        except (OSError, ValueError, TypeError):
            status = 503
    if options.grow and os.path.exists(options.grow):
        HOARD.append(b"x" * (8 << 20))
    body = json.dumps({"pool": os.environ.get("SOCKHERD_POOL"), "pid": os.getpid(),
                       "slot": int(os.environ.get("SOCKHERD_SLOT", -1)),
                       "generation": int(os.environ.get("SOCKHERD_GENERATION", -1)),
                       "marker": os.environ.get("MARKER")}).encode()
    connection.sendall(b"HTTP/1.1 %d Said\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))


def answer(connection, options):
    """One request, one answer, then the connection ends."""
    connection.settimeout(5)
    seen = b""
    while b"\r\n\r\n" not in seen:
        got = connection.recv(65536)
        if not got:
            return
        seen += got
    respond(connection, options, seen.split(b" ", 2)[1])


def abort_note(path):
    """A last word before the core."""
    def write(*_):
        with open(path, "a", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGABRT)
    signal.signal(signal.SIGABRT, write)


def serve(listener, options):
    """Until SIGTERM; whatever was accepted by then is answered."""
    ended, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)
    is_victim = options.crash_slot in ("all", os.environ.get("SOCKHERD_SLOT"))
    began = time.monotonic()
    while True:
        is_deaf = options.deaf_while and os.path.exists(options.deaf_while)
        readable, _, _ = select.select([ended] if is_deaf else [listener, ended], [], [], 0.02)
        if ended in readable:
            return
        if is_victim and time.monotonic() - began >= options.after and os.path.exists(options.flag or ""):
            sys.exit(3)
        if listener not in readable:
            continue
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        with connection:
            try:
                answer(connection, options)
            except OSError:
                pass  # the client went away


def main():
    """Takes the number of the descriptor from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("fd", type=int)
    parser.add_argument("--deaf-while")
    parser.add_argument("--health")
    parser.add_argument("--crash-slot")
    parser.add_argument("--while", dest="flag")
    parser.add_argument("--after", type=float, default=0)
    parser.add_argument("--abort-note")
    parser.add_argument("--grow")
    options = parser.parse_args()
    if options.abort_note:
        abort_note(options.abort_note)
    listener = socket.socket(fileno=options.fd)
    listener.setblocking(False)
    serve(listener, options)


if __name__ == "__main__":
    main()
