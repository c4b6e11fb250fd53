"""Medians of the echo runs, as tables and as a picture."""
import statistics

from tests.bench.engine.picture import panels
from tests.bench.engine.report import figure
from tests.bench.websockets.cases import ECHOES
from tests.bench.websockets.echo import FIGURES

OURS = "sockherd"
MIB = 1024 * 1024


def summarize(results):
    """{case: {peer: {figure: median}}}; cpu_ratio and rate_ratio: to sockherd, in the same round."""
    return {case: {name: row for name, runs in peers.items() if (row := row_of(runs, peers.get(OURS, [])))}
            for case, peers in results.items()}


def row_of(runs, ours):
    """The medians of one peer, or nothing."""
    good = [run for run in runs if "error" not in run]
    if not good:
        return None
    row = {key: statistics.median(run[key] for run in good) for key in FIGURES}
    pairs = [(run, own) for run, own in zip(runs, ours) if "error" not in run and "error" not in own]
    for key in ("cpu", "rate"):
        row[f"{key}_ratio"] = statistics.median(run[key] / own[key] for run, own in pairs) if pairs else None
    return {**row, "errors": sum(run["errors"] for run in good), "runs": len(good),
            "failed": len(runs) - len(good)}


def case_table(rows):
    """One case: a line a peer, the cheapest first."""
    lines = ["| server | CPU to sockherd | CPU s per million | of it user | echoes/s to sockherd | echoes/s | "
             "p50 ms | p99 ms | PSS MB | errors | runs |", "|---|" + "---:|" * 10]
    for name, row in sorted(rows.items(), key=lambda item: item[1]["cpu"]):
        mark = "**" if name.startswith(OURS) else ""
        lines.append("| " + " | ".join((
            f"{mark}{name}{mark}", f"{mark}{figure(row['cpu_ratio'])}{mark}", figure(row["cpu"]),
            figure(row["cpu_user"]), f"{mark}{figure(row['rate_ratio'])}{mark}",
            figure(row["rate"], "{:,.0f}"), figure(row["p50_ms"]), figure(row["p99_ms"]),
            figure(row["pss"] / MIB, "{:.1f}"), f"{row['errors']:,}",
            f"{row['runs']}/{row['runs'] + row['failed']}")) + " |")
    return lines + [""]


def markdown(results):
    """The whole report."""
    lines = [f"{', '.join(dict.fromkeys(results['versions'].values()))}; two processes each. "
             f"{conditions(results)} of {results['seconds']} s; load average "
             f"{results['load_average'][0]:.1f} before, {results['load_average'][1]:.1f} after."
             f"{results['note']}", ""]
    for case, rows in results["summary"].items():
        if rows:
            lines += [f"### {ECHOES[case].title}", ""] + case_table(rows)
    return "\n".join(lines)


def conditions(results):
    """Where, and how often."""
    return f"{results['machine']}; medians of {results['rounds']} interleaved rounds"


def svg(results):
    """CPU per message."""
    found = [(ECHOES[case].title, sorted(((name, row["cpu"], f"{row['cpu']:.1f}") for name, row in rows.items()),
                                         key=lambda bar: bar[1]))
             for case, rows in results["summary"].items() if rows]
    return panels("What an echo costs the server", [
        "Seconds of CPU, user and system, of all its processes for a million messages that came back. Shorter "
        "is better.", conditions(results) + ". ./dev bench echo"], found, lambda bars: 1.05 * bars[-1][1])
