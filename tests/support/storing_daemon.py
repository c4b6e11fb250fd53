"""A daemon for the tests of the service manager: runs the Python of its configuration file.

    storing_daemon.py --config FILE

The text finds these functions, and `passed`, {name: [descriptor]} of what it was passed. At the end of
the text it says READY=1 and waits for SIGTERM.
"""
import array
import os
import pathlib
import signal
import socket
import sys

NAMES = os.environ.get("LISTEN_FDNAMES", "").split(":") if "LISTEN_FDS" in os.environ else []


def taken():
    """What was passed, by name."""
    found = {}
    for number, name in enumerate(NAMES, 3):
        found.setdefault(name, []).append(number)
    return found


def notify(text, *descriptors):
    """sd_pid_notify_with_fds(3)."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect(os.environ["NOTIFY_SOCKET"])
        manager.sendmsg([text.encode()], rights if descriptors else [])


def store(name, *descriptors, more=""):
    """FDSTORE=1."""
    notify(f"FDSTORE=1\nFDNAME={name}{more}", *descriptors)


def barrier():
    """sd_notify_barrier(3)."""
    ours, theirs = os.pipe()
    notify("BARRIER=1", theirs)
    os.close(theirs)
    os.read(ours, 1)
    os.close(ours)


def memory(text):
    """A memfd with this text."""
    fd = os.memfd_create("test")
    os.write(fd, text.encode())
    return fd


def main():
    """Reports on standard error, which is the log of the test."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    scope = dict(globals(), passed=taken())
    exec(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"), scope)  # pylint: disable=exec-used
    notify("READY=1")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
