"""Runs sockherd-hammer beside a test and reads its report."""
import json
import signal
import subprocess

from tests.support.orphans import die_with_parent
from tests.support.paths import program
from tests.support.wait import until

FAILURES = ("refused", "reset", "eof", "short_answer", "wrong_answer", "timeout", "connect_error",
            "unfinished")


def _prepare():
    """A signal sent before the hammer is up waits until it is, instead of ending it."""
    die_with_parent(signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM, signal.SIGINT})


class Report(dict):
    """The JSON of the hammer; `lost` is what no test may ever see above 0."""

    is_patient = True  # the test has chosen what late is

    @property
    def lost(self):
        """Requests that ended in anything but a right answer."""
        return self["failed"]

    @property
    def late(self):
        """Right answers that took too long, and, unless late is what the test has chosen, connections whose
        first SYN was lost: those are a second late, as anybody may be on a busy machine."""
        return self["slow"] + (0 if self.is_patient else self["syn_resent"])

    def summary(self):
        """One line for messages: the counts that are not 0, and the first failures."""
        counts = {key: self[key] for key in ("requests", "ok", *FAILURES, "slow", "syn_resent") if self.get(key)}
        return f"{counts} {self['first_failures'][:5]}"


class Hammer:
    """A running hammer. Use as a context manager: leaving it ends the load.

        with Hammer("127.0.0.1:80", short=50) as load:
            load.after(1000)       # requests have been answered
            ...                    # the thing that must lose nothing
            load.after(1000)       # more of them, since
            report = load.stop()
    """

    def __init__(self, address, **options):
        command = [program("sockherd-hammer"), "--address", address]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        text=True, preexec_fn=_prepare)
        self.report = None
        self.is_patient = "slow_after_ms" in options

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.report is None and self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"sockherd-hammer ended with status {self.process.wait()}")
        report = Report(json.loads(line))
        report.is_patient = self.is_patient
        return report

    def so_far(self):
        """The counts at this moment. Only while the load lasts until stop()."""
        self.process.send_signal(signal.SIGUSR1)
        return self._read()

    def after(self, count, key="ok"):
        """Waits until `count` more requests came to this outcome than had when it was called."""
        base = self.so_far()[key]
        return until(lambda: (now := self.so_far())[key] >= base + count and now,
                     f"{count} more {key} requests of the hammer")

    def stop(self):
        """Lets requests under way finish, and returns the report."""
        self.process.send_signal(signal.SIGTERM)
        return self.finish()

    def finish(self):
        """Waits for a hammer that ends by itself (count, duration), and returns the report."""
        self.report = self._read()
        self.process.wait()
        return self.report


def hammer(address, **options):
    """Runs a hammer to its end (give it a count or a duration) and returns the report."""
    with Hammer(address, **options) as load:
        return load.finish()
