"""Medians of the rounds, and the tables in markdown."""
import statistics

from tests.bench.engine.cases import CASES, GROUPS, TOPOLOGY
from tests.bench.engine.rounds import REFERENCE

FIGURES = ("rate", "cpu", "cpu_user", "p50_ms", "p99_ms", "p999_ms", "pss")
RATIOS = ("rate_ratio", "cpu_ratio")
MIB = 1024 * 1024


def summarize(results):
    """{case: {peer: [run, ...]}} -> {case: {peer: {figure: median}}}; without those that never ran."""
    return {case: {name: row for name, runs in peers.items() if (row := row_of(name, runs))}
            for case, peers in results.items()}


def row_of(name, runs):
    """The medians of one peer in one case, or nothing."""
    good = [run for run in runs if "error" not in run]
    if not good:
        return None
    row = {key: median(good, key) for key in (*FIGURES, *RATIOS)}
    if name == REFERENCE:
        row.update(dict.fromkeys(RATIOS, 1.0))
    return {**row, "errors": sum(run["errors"] for run in good), "runs": len(good),
            "failed": len(runs) - len(good)}


def median(runs, key):
    """Of one figure; None where no run has it."""
    values = [run[key] for run in runs if run.get(key) is not None]
    return statistics.median(values) if values else None


def cheapest_first(rows):
    """By CPU per request."""
    return sorted(rows.items(), key=lambda item: item[1]["cpu_ratio"] or item[1]["cpu"])


def figure(value, form="{:.2f}"):
    """Formatted, or a dash."""
    return "–" if value is None else form.format(value)


def case_table(rows):
    """One case: a line a peer."""
    lines = ["| server | CPU to ceiling | CPU s per million | of it user | req/s to ceiling | req/s | "
             "p50 ms | p99 ms | p99.9 ms | PSS MB | errors | runs |",
             "|---|" + "---:|" * 11]
    for name, row in cheapest_first(rows):
        mark = "**" if name.startswith("sockherd") else ""
        lines.append("| " + " | ".join((
            f"{mark}{name}{mark}", f"{mark}{figure(row['cpu_ratio'])}{mark}", figure(row["cpu"]),
            figure(row["cpu_user"]), f"{mark}{figure(row['rate_ratio'])}{mark}",
            figure(row["rate"], "{:,.0f}"), figure(row["p50_ms"]), figure(row["p99_ms"]),
            figure(row["p999_ms"]), figure(row["pss"] / MIB, "{:.1f}"), f"{row['errors']:,}",
            f"{row['runs']}/{row['runs'] + row['failed']}")) + " |")
    return lines + [""]


def overview(summary):
    """All cases: CPU per request and, behind the slash, requests per second, as multiples of the ceiling."""
    names = list(dict.fromkeys(name for rows in summary.values() for name in rows))
    lines = ["| server | " + " | ".join(summary) + " |", "|---|" + "---:|" * len(summary)]
    for name in names:
        cells = [f"{figure(row['cpu_ratio'])} / {figure(row['rate_ratio'])}" if row else "–"
                 for row in (rows.get(name) for rows in summary.values())]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines + [""]


def topology(summary):
    """Two processes beside two threads: the same figures, side by side."""
    both = [(case, [rows[name] for name in TOPOLOGY]) for case, rows in summary.items()
            if all(name in rows for name in TOPOLOGY)]
    if not both:
        return []
    lines = ["## workers × threads", "",
             "| case | CPU to ceiling: 2×1 | 1×2 | req/s to ceiling: 2×1 | 1×2 | p99 ms: 2×1 | 1×2 | "
             "PSS MB: 2×1 | 1×2 |", "|---|" + "---:|" * 8]
    for case, rows in both:
        cells = [figure(row[key]) for key in ("cpu_ratio", "rate_ratio", "p99_ms") for row in rows]
        cells += [figure(row["pss"] / MIB, "{:.1f}") for row in rows]
        lines.append(f"| {CASES[case].title} | " + " | ".join(cells) + " |")
    return lines + [""]


def memory_table(measured):
    """Of connections that do nothing, and of the whole server."""
    if not measured:
        return []
    lines = ["## Memory", "",
             "What 10,000 idle connections add to one worker, and PSS of all processes of a server with two "
             "of them after load, alone on the machine.", "",
             "| server | open | alive | bytes each (Pss) | (Private_Dirty) | left after the close | "
             "PSS before, MB | PSS of two after load, MB |", "|---|" + "---:|" * 7]
    for name, row in sorted(measured.items(), key=lambda item: item[1].get("pss_each", float("inf"))):
        if "error" in row:
            lines.append(f"| {name} | {row['error']} | | | | | | |")
            continue
        lines.append(f"| {name} | {row['opened']:,} | {row['alive']:,} | {row['pss_each']:,.0f} | "
                     f"{row['private_dirty_each']:,.0f} | {row['left_each']:,.0f} | "
                     f"{row['base'] / MIB:.1f} | {row['after_load'] / MIB:.1f} |")
    return lines + [""]


def markdown(results):
    """The whole report."""
    summary = results["summary"]
    lines = [about(results), ""]
    if summary:
        lines += ["## Overview", "",
                  "CPU per request / requests per second, each as a multiple of the ceiling's.", ""]
        lines += overview(summary)
    for group in GROUPS:
        for case in group.cases:
            if summary.get(case.name):
                lines += [f"## {group.title}: {case.title}", ""] + case_table(summary[case.name])
    return "\n".join(lines + topology(summary) + memory_table(results["memory"]))


def about(results):
    """What was measured where."""
    versions = ", ".join(dict.fromkeys(version for name, version in results["versions"].items()
                                       if not name.startswith("ceiling")))
    return (f"{versions}; two processes each (h2o, HAProxy: threads). {results['machine']}; medians of "
            f"{results['rounds']} interleaved rounds of {results['seconds']} s, each run between two of "
            f"the ceiling; load average {results['load_average'][0]:.1f} before, "
            f"{results['load_average'][1]:.1f} after.{results['note']}")
