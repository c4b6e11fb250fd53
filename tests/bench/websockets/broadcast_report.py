"""Medians of the broadcasts, as tables and as a picture."""
import statistics

from tests.bench.engine.picture import panels
from tests.bench.websockets.cases import BROADCASTS

OURS = "sockherd"
FIGURES = {"alone": ("rate", "p50_ms", "p99_ms", "max_ms"), "full": ("rate", "deliveries", "cpu", "p99_ms")}


def summarize(results):
    """{case: {peer: {figure: median}}}."""
    return {case: {name: row for name, runs in peers.items() if (row := row_of(runs))}
            for case, peers in results.items()}


def row_of(runs):
    """The medians of one peer, or the reason why there are none."""
    good = [run for run in runs if "error" not in run]
    if not good:
        return {"error": runs[0]["error"]} if runs else None
    row = {f"{manner}_{key}": statistics.median(run[manner][key] for run in good)
           for manner, keys in FIGURES.items() for key in keys}
    row.update({key: statistics.median(run[key] for run in good) for key in ("receivers", "open_s", "bytes_each")})
    row.update({key: sum(run[manner][key] for run in good for manner in FIGURES)
                for key in ("missed", "late", "ended")})
    return {**row, "runs": len(good), "failed": len(runs) - len(good)}


def case_table(rows):
    """One case: a line a peer, the cheapest first."""
    lines = ["| server | in the room | opened in s | bytes a connection | alone: p50 ms | p99 ms | slowest | messages/s | "
             "full: messages/s | deliveries/s | CPU s per million deliveries | missed | runs |",
             "|---|" + "---:|" * 12]
    for name, row in sorted(rows.items(), key=lambda item: item[1].get("full_cpu", float("inf"))):
        if "error" in row:
            lines.append(f"| {name} | {row['error']} |" + " |" * 11)
            continue
        mark = "**" if name.startswith(OURS) else ""
        lines.append("| " + " | ".join((
            f"{mark}{name}{mark}", f"{row['receivers']:,.0f}", f"{row['open_s']:.0f}", f"{row['bytes_each']:,.0f}",
            f"{row['alone_p50_ms']:.0f}", f"{mark}{row['alone_p99_ms']:.0f}{mark}", f"{row['alone_max_ms']:.0f}",
            f"{row['alone_rate']:.1f}", f"{row['full_rate']:.1f}", f"{row['full_deliveries']:,.0f}",
            f"{mark}{row['full_cpu']:.2f}{mark}", f"{row['missed']:,}",
            f"{row['runs']}/{row['runs'] + row['failed']}")) + " |")
    return lines + [""]


def conditions(results):
    """Where, and how often."""
    return f"{results['machine']}; medians of {results['rounds']} interleaved rounds"


def markdown(results):
    """The whole report."""
    lines = [f"{', '.join(dict.fromkeys(results['versions'].values()))}. {conditions(results)} of "
             f"{results['seconds']} s; load average {results['load_average'][0]:.1f} before, "
             f"{results['load_average'][1]:.1f} after.{results['note']}", "",
             "Alone: the next message is sent when the one before is with everybody. Full: four are under way.", ""]
    for case, rows in results["summary"].items():
        if rows:
            lines += [f"### {BROADCASTS[case].title}", ""] + case_table(rows)
    return "\n".join(lines)


def svg(results):
    """CPU and delay."""
    found = []
    for case, rows in results["summary"].items():
        for words, key, form in (("p99 of a delivery, ms", "alone_p99_ms", "{:,.0f}"),
                                 ("CPU a million deliveries, s", "full_cpu", "{:.2f}")):
            bars = sorted(((name, row[key], form.format(row[key])) for name, row in rows.items() if key in row),
                          key=lambda bar: bar[1])
            if bars:
                found.append((f"{BROADCASTS[case].receivers:,} receivers: {words}", bars))
    return panels("One message to everybody in a room", [
        "Left: from the sender to 99 of 100 receivers, one message at a time. Right: what the server's processes use. "
        "Shorter is better.", conditions(results) + ". ./dev bench broadcast"], found,
        lambda bars: 1.05 * bars[-1][1])
