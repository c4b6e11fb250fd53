"""The one place where a test waits: for a condition, never for time to pass."""
import time

# Generous, because it only decides how long a broken test takes to fail.
DEADLINE = 30.0


class NotReached(AssertionError):
    """A condition did not come true before its deadline."""


def until(condition, what, deadline=DEADLINE, explain=None):
    """Polls `condition` until it returns something true, and returns that.

    `explain` is called on failure; its text goes into the message (a log, the last state seen).
    """
    end = time.monotonic() + deadline
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            more = f"\n{explain()}" if explain else ""
            raise NotReached(f"after {deadline:g} s still not: {what} (last: {value!r}){more}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
