"""exec(3) as systemd does it: passed descriptors from 3 on, and LISTEN_PID of the process itself.

    python3 activate.py FD,FD,... PROGRAM ARGUMENT...      (no FD: "-")

Only descriptors can be renumbered and LISTEN_PID be known after the fork, hence a program of its own.
"""
import fcntl
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.support.orphans import die_with_parent  # noqa: E402 (-I leaves our own folder out)

FIRST = 3  # SD_LISTEN_FDS_START


def renumber(descriptors):
    """Moves them to 3, 4, ...; through numbers beyond those, so that none is overwritten on the way."""
    beyond = FIRST + len(descriptors)
    parked = [fcntl.fcntl(fd, fcntl.F_DUPFD, beyond) for fd in descriptors]
    for fd in descriptors:
        os.close(fd)
    for number, fd in enumerate(parked, FIRST):
        os.dup2(fd, number, inheritable=True)
        os.close(fd)


def main():
    """Never returns."""
    die_with_parent(signal.SIGTERM)  # sockherd then takes its workers along
    passed, *command = sys.argv[1:]
    descriptors = [int(fd) for fd in passed.split(",")] if passed != "-" else []
    renumber(descriptors)
    if descriptors:
        os.environ["LISTEN_PID"] = str(os.getpid())
    if "WATCHDOG_USEC" in os.environ:
        os.environ["WATCHDOG_PID"] = str(os.getpid())
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
