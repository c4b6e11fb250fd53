"""Runs against handlers that wait or compute, their tables and their picture."""
import dataclasses
import json
import statistics
import subprocess
import sys
import time

from tests.bench.engine import costs, wrk
from tests.bench.engine.picture import panels
from tests.bench.engine.report import figure

CONNECTIONS = 64
FIGURES = ("rate", "cpu", "p50_ms", "p99_ms", "pss")
MIB = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Case:
    """One path. depth, close: as in engine.cases."""

    name: str
    title: str
    connections: int = CONNECTIONS
    depth: int = 1
    close: bool = False

    @property
    def path(self):
        """What is asked for."""
        return f"/{self.name}"


CASES = {case.name: case for case in (
    Case("io", "/io: a sleep of 5 ms"), Case("burn", "/burn: 2 ms of processor time"),
    Case("cpu", "/cpu: a Fibonacci number"))}


OVERLOAD_THREADS = 2  # of each process
TIMES = 10
PATIENCE = 3
CLIENTS = 2


def overload(kind, processes, seconds):
    """/io with ten times what the threads can do."""
    able = processes * OVERLOAD_THREADS / 0.005
    with kind(processes, threads=OVERLOAD_THREADS) as peer:
        wrk.wrk(peer.address, CASES["io"], 1)
        before = costs.memory(peer.pids())["pss"]
        clients = [subprocess.Popen(
            [sys.executable, "-m", "tests.bench.overload", peer.address, "/io", str(able * TIMES / CLIENTS), str(seconds),
             str(PATIENCE)], stdout=subprocess.PIPE) for _ in range(CLIENTS)]
        time.sleep(seconds * 0.9)
        during = costs.memory(peer.pids())["pss"]
        reports = [json.loads(client.communicate()[0]) for client in clients]
        served = sorted(sum((report.get("200", []) for report in reports), []))
        told = sorted(sum((report.get("503", []) for report in reports), []))
        found = {name: sum(report[name] for report in reports) for name in ("retry_after", "unanswered")}
        return {"able": able, "offered": able * TIMES, "seconds": seconds, **found, "served": len(served),
                "told": len(told), "late_s": max(report["late_s"] for report in reports),
                "served_ms": [rank(served, share) for share in SHARES],
                "told_ms": [rank(told, share) for share in SHARES], "before": before, "during": during,
                "after": costs.memory(peer.pids())["pss"]}


SHARES = (0.5, 0.99, 1)


def rank(values, share):
    """Of a sorted list."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


def overload_table(rows):
    """What becomes of ten times as many requests as can be served."""
    if not rows:
        return []
    row = next(iter(rows.values()))
    lines = [f"### /io, ten times what the threads can do: {row['offered']:,.0f} a second for {row['seconds']} s", "",
             f"{OVERLOAD_THREADS} threads in each of two processes: {row['able']:,.0f} a second. Times count from when a "
             "request was due.", "",
             "| server | served | p50 ms | p99 ms | slowest | told 503 | with Retry-After | p50 ms | p99 ms | "
             f"no answer in {PATIENCE} s more | PSS MB before | during | after |", "|---|" + "---:|" * 12]
    for name, row in rows.items():
        times = [[figure(value, "{:,.0f}") for value in row[key]] for key in ("served_ms", "told_ms")]
        lines.append("| " + " | ".join((
            name, f"{row['served']:,}", *times[0], f"{row['told']:,}",
            f"{row['retry_after']:,}", *times[1][:2], f"{row['unanswered']:,}",
            *(f"{row[key] / MIB:.1f}" for key in ("before", "during", "after")))) + " |")
    return lines + [""]


def measure(peer, case, seconds, warm):
    """One run of wrk."""
    return wrk.measure(peer, case, seconds, warm)


def summarize(runs):
    """{case: {peer: {figure: median}}}."""
    return {case: {name: row for name, some in peers.items() if (row := row_of(some))}
            for case, peers in runs.items()}


def row_of(runs):
    """The medians of one peer, or nothing."""
    good = [run for run in runs if "error" not in run]
    if not good:
        return None
    return {**{key: statistics.median(run[key] for run in good) for key in FIGURES},
            "errors": sum(run["errors"] for run in good), "runs": f"{len(good)}/{len(runs)}"}


def case_table(rows):
    """One case: a line a peer."""
    lines = ["| server | req/s | p50 ms | p99 ms | CPU ms a request | PSS MB | errors | runs |", "|---|" + "---:|" * 7]
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["rate"]):
        mark = "**" if name.startswith("sockherd") else ""
        lines.append("| " + " | ".join((
            f"{mark}{name}{mark}", f"{mark}{row['rate']:,.0f}{mark}", figure(row["p50_ms"], "{:.1f}"),
            figure(row["p99_ms"], "{:.1f}"), f"{row['cpu'] / 1000:.3f}", f"{row['pss'] / MIB:.1f}",
            f"{row['errors']:,}", row["runs"])) + " |")
    return lines + [""]


def conditions(results):
    """Where, and how often."""
    return f"{results['machine']}; medians of {results['rounds']} interleaved rounds"


def markdown(results):
    """The tables."""
    lines = [f"{', '.join(dict.fromkeys(results['versions'].values()))}; two processes with {results['threads']} "
             f"threads each, {CONNECTIONS} connections. {conditions(results)} of {results['seconds']} s; load average "
             f"{results['load_average'][0]:.1f} before, {results['load_average'][1]:.1f} after.{results['note']}", ""]
    for case, rows in results["summary"].items():
        if rows:
            lines += [f"### {CASES[case].title}", ""] + case_table(rows)
    return "\n".join(lines + overload_table(results["overload"]))


def svg(results):
    """Requests a second and their p99."""
    found = []
    for case, rows in results["summary"].items():
        for words, key, form, reverse in (("requests/s", "rate", "{:,.0f}", True), ("p99, ms", "p99_ms", "{:,.1f}", False)):
            bars = sorted(((name, row[key], form.format(row[key])) for name, row in rows.items()),
                          key=lambda bar: bar[1], reverse=reverse)
            if bars:
                found.append((f"{CASES[case].title}: {words}", bars))
    return panels("Handlers that wait or compute", [
        f"Two processes with {results['threads']} threads each, {CONNECTIONS} connections. Left, longer is better; right, "
        "shorter is.", conditions(results) + ". ./dev bench blocking"], found,
        lambda bars: 1.05 * max(bar[1] for bar in bars))
