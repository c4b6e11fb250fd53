"""Threads of a process: which there are, where they may run, and one of them standing still."""
import ctypes
import os
import pathlib

from tests.support.wait import until

PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
WALL = 0x40000000  # waitpid(2): threads, too

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long


def lanes(pid):
    """{thread: tid} of the threads of a worker that serve; the main one is 0."""
    found = {0: pid}
    for entry in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name = (entry / "comm").read_text().strip()
        if name.startswith("worker/"):
            found[int(name.removeprefix("worker/"))] = int(entry.name)
    return found


def allowed_cpus(tid):
    """The CPUs that a thread may use."""
    return os.sched_getaffinity(tid)


def ptrace(request, tid):
    """ptrace(2) without address and data."""
    if LIBC.ptrace(request, tid, None, None) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class FrozenThread:
    """One thread that stands still while the others of its process go on; a signal stops all."""

    def __init__(self, tid):
        self.tid = tid
        ptrace(PTRACE_SEIZE, tid)
        ptrace(PTRACE_INTERRUPT, tid)
        until(lambda: os.waitpid(tid, WALL | os.WNOHANG)[0] == tid, "the thread stands still")

    def wait_end(self):
        """Waits for its end; without this its process could not end."""
        until(self.has_ended, "the end of the thread")

    def has_ended(self):
        """Whether it was ended; other news is not asked for."""
        pid, status = os.waitpid(self.tid, WALL | os.WNOHANG)
        return pid == self.tid and not os.WIFSTOPPED(status)
