"""Medians, ratios, and the markdown table."""
import statistics

REFERENCE = "nginx"


def median(runs, key):
    """Of one figure over the rounds."""
    return statistics.median(run[key] for run in runs)


def median_ratio(runs, reference, key):
    """Median of the ratios round by round: the machine's mood is the same within a round."""
    return statistics.median(run[key] / other[key] for run, other in zip(runs, reference))


def summarize(rounds):
    """rounds: {workload: {peer: [run, ...]}} -> {workload: {peer: {figure: value}}}"""
    summary = {}
    for load, peers in rounds.items():
        reference = peers.get(REFERENCE)
        summary[load] = {}
        for name, runs in peers.items():
            row = {key: median(runs, key) for key in
                   ("requests_per_second", "cpu_per_million", "p50_ms", "p99_ms")}
            row["errors"] = sum(run["errors"] for run in runs)
            if reference:
                row["ratio"] = median_ratio(runs, reference, "requests_per_second")
                row["cpu_ratio"] = median_ratio(runs, reference, "cpu_per_million")
            summary[load][name] = row
    return summary


def table(summary, titles):
    """The summary as markdown."""
    lines = [f"| workload | server | requests/s | to {REFERENCE} | CPU s per million | "
             f"CPU to {REFERENCE} | p50 ms | p99 ms | errors |",
             "|---|---|---:|---:|---:|---:|---:|---:|---:|"]
    for load, peers in summary.items():
        for name, row in peers.items():
            lines.append(
                f"| {titles[load]} | {name} | {row['requests_per_second']:,.0f} | "
                f"{row.get('ratio', 0):.2f} | {row['cpu_per_million']:.2f} | "
                f"{row.get('cpu_ratio', 0):.2f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} | "
                f"{row['errors']} |")
    return "\n".join(lines) + "\n"
