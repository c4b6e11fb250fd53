"""All four kinds of clients at once: what every action on a service has to stand.

A connection per request; keep-alive with pauses; clients that send their request 50-300 ms after
connecting, in two pieces; and clients whose answer takes some seconds.
"""
import signal

from tests.support.hammer import FAILURES, Hammer, Report

SUMMED = ("connections", "requests", "ok", "failed", "slow", "syn_resent", "idle_closed", *FAILURES)


def merged(reports):
    """One report of several."""
    total = Report({key: sum(report[key] for report in reports) for key in SUMMED})
    total["first_failures"] = sum((report["first_failures"] for report in reports), [])
    total["latency_ms"] = reports[0].get("latency_ms")  # of the quick kinds
    total["failed_by_kind"] = {}
    for report, kinds in zip(reports, (("short", "keepalive", "slow"), ("short",))):
        for kind in kinds:
            name = kind if len(kinds) > 1 else "waiting"
            total["failed_by_kind"][name] = report["modes"][kind]["failed"]
    return total


class MixedLoad:
    """Two hammers that begin, and end, together.

    `wait_ms`: how long the answer of the fourth kind takes; the server has /plaintext and /io?ms=N.
    """

    def __init__(self, address, short=8, keepalive=16, slow=24, waiting=12, wait_ms=4000, **options):
        common = {"latency_ms": 20, **options}
        self.quick = Hammer(address, **{
            "path": "/plaintext", "body": "Hello, World!", "short": short, "keepalive": keepalive,
            "slow": slow, "think_ms": 300, **common})
        self.waiting = Hammer(address, **{
            **common, "path": f"/io?ms={wait_ms}", "short": waiting, "rate": 4 * waiting,
            "timeout_ms": wait_ms + 5000,
            "slow_after_ms": wait_ms + common.get("slow_after_ms", 3000)})

    def __exit__(self, *_):
        self.quick.__exit__()
        self.waiting.__exit__()

    def after(self, count):
        """Waits for so many more right answers of the quick kinds."""
        self.quick.after(count)

    def so_far(self):
        """The counts at this moment."""
        return merged([self.quick.so_far(), self.waiting.so_far()])

    def stop(self):
        """Lets requests under way finish, and returns the report."""
        for hammer in (self.quick, self.waiting):
            hammer.process.send_signal(signal.SIGTERM)
        return merged([self.quick.finish(), self.waiting.finish()])
