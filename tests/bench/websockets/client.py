"""The client of what is measured here: sockherdctl bench ws, which knows any server."""
import json
import subprocess
import threading
import time

from tests.bench.engine import costs
from tests.bench.engine.wrk import LoadFailed
from tests.support.paths import program

SAMPLE = 0.05   # seconds between two looks at the server's processor time
MILLION = 1e6
TICKS = {"p50_ms": "p50", "p99_ms": "p99", "p999_ms": "p99.9", "max_ms": "max"}


class ProcessorTime(threading.Thread):
    """That of some processes, (user, system) by the monotonic clock."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.samples, self.over = pids, [], threading.Event()

    def __enter__(self):
        self.samples.append((time.monotonic(), *costs.cpu(self.pids)))
        self.start()
        return self

    def run(self):
        while not self.over.wait(SAMPLE):
            self.samples.append((time.monotonic(), *costs.cpu(self.pids)))

    def __exit__(self, *_):
        self.over.set()
        self.join()
        self.samples.append((time.monotonic(), *costs.cpu(self.pids)))

    def at(self, moment):
        """(user, system) then, on a line between the samples beside it."""
        for before, after in zip(self.samples, self.samples[1:]):
            if moment <= after[0]:
                share = max(0.0, (moment - before[0]) / max(after[0] - before[0], 1e-9))
                return tuple(then + share * (now - then) for then, now in zip(before[1:], after[1:]))
        return self.samples[-1][1:]


def bench(peer, path, *options):
    """One run against a server: the report of sockherdctl, and what the run without the opening of the connections
    has cost the server, as "user" and "system"."""
    with ProcessorTime(peer.pids()) as used:
        began = time.monotonic()
        done = subprocess.run(
            [program("sockherdctl"), "bench", "ws", f"ws://{peer.address}{path}", "--json", "--fail-on", "errors>100%",
             *map(str, options)], capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise LoadFailed(f"sockherdctl: {done.stderr.strip().splitlines()[-1:]}") from None
    if not report["answered"]:
        raise LoadFailed(f"nothing came back: {report['errors_by_kind']}")
    opened = began + report["connections"]["seconds"]
    used = [now - then for now, then in zip(used.at(opened + report["seconds"]), used.at(opened))]
    return {**report, "user": used[0], "system": used[1]}


def figures(report):
    """What all tables have: cpu is seconds per million messages that came."""
    answered = report["answered"]
    return {"rate": report["rate"], "cpu": (report["user"] + report["system"]) / answered * MILLION,
            "cpu_user": report["user"] / answered * MILLION, "errors": report["errors"],
            **{name: report["latency_ns"][key] / MILLION for name, key in TICKS.items()}}
