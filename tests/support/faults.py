"""Makes system calls of a running process fail: strace(1) with -e inject.

    with Injection(pid, "socket", "EMFILE", when=2) as fault:
        ...                       # the second socket(2) from here on fails
    fault.hits                    # 1, or 0 if there was no second one

Only the one thread is traced (the supervisor has no other), not what it forks.
"""
import collections
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from tests.support.wait import until

CALL = re.compile(r"^(\w+)\(")


def strace():
    """Its path; says what to do when it is not there."""
    path = shutil.which("strace")
    if not path:
        raise FileNotFoundError("strace is missing: apt install strace")
    return path


class Trace:
    """Notes the calls of a process from entering the context to leaving it."""

    def __init__(self, pid, options=()):
        self.pid = pid
        self.options = list(options)
        self.lines = []

    def __enter__(self):
        self.out = tempfile.NamedTemporaryFile(prefix="sh-strace-")
        self.process = subprocess.Popen(
            [strace(), "-q", "-o", self.out.name, *self.options, "-p", str(self.pid)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        until(lambda: self._is_attached() or self.process.poll() is not None, "strace is attached")
        if self.process.poll() is not None:
            raise AssertionError(f"strace: {self.process.stderr.read()}")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # it lets go, the process goes on
        self.process.wait()
        self.process.stderr.close()
        self.lines = pathlib.Path(self.out.name).read_text(errors="replace").splitlines()
        self.out.close()

    def _is_attached(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return f"TracerPid:\t{self.process.pid}\n" in status

    def calls(self):
        """How often each was made."""
        return collections.Counter(match[1] for line in self.lines if (match := CALL.match(line)))


def release(pid):
    """Sends the tracer of a process away, if there is one; what it has written is complete then."""
    def tracer():
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return int(re.search(r"^TracerPid:\t(\d+)$", status, re.MULTILINE)[1])

    if first := tracer():
        os.kill(first, signal.SIGINT)
    until(lambda: not tracer(), f"nobody traces {pid}")


def injection(call, error, when):
    """The options of strace."""
    return ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}"]


def hits_in(lines):
    """How many calls were made to fail."""
    return sum("(INJECTED)" in line for line in lines)


class Injection(Trace):
    """Lets one call fail."""

    def __init__(self, pid, call, error, when=1):
        super().__init__(pid, injection(call, error, when))

    @property
    def hits(self):
        """0 or 1, once it is over."""
        return hits_in(self.lines)
