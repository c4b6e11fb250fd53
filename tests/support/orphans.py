"""No test process outlives its test, also when that is killed by a time-out of ctest.

    python3 orphans.py MARKER      kills all that have MARKER in their environment at the end of stdin
"""
import ctypes
import os
import pathlib
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(number):
    """prctl(2): the kernel sends the signal to this process when its parent ends. Survives exec."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def adopt_orphans():
    """prctl(2): the children of our children become ours when those end, as they become PID 1's."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def marked(marker):
    """The processes that were started with this assignment in their environment."""
    def environment(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return []  # gone, or not ours
    return [int(pid) for pid in os.listdir("/proc")
            if pid.isdigit() and marker.encode() in environment(pid)]


def kill_marked(marker):
    """SIGKILL, until there is none: one may have forked while we looked."""
    while pids := marked(marker):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


class OrphanKiller:
    """A process that kills whatever has the marker when we close it, or when we are gone."""

    def __init__(self, marker):
        self.process = subprocess.Popen([sys.executable, "-I", "-S", __file__, marker],
                                        stdin=subprocess.PIPE, start_new_session=True)

    def close(self):
        """Returns when they are gone."""
        self.process.stdin.close()
        self.process.wait()


if __name__ == "__main__":
    sys.stdin.buffer.read()
    kill_marked(sys.argv[1])
