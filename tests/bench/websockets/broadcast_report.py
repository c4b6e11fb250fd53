"""Medians of the broadcasts, as tables and as a picture."""
import statistics

from tests.bench.engine.picture import panels
from tests.bench.websockets.cases import BROADCASTS

OURS = "sockherd"
FIGURES = {"alone": ("cpu", "p50_ms", "p99_ms", "max_ms"), "full": ("rate", "cpu", "max_ms")}


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
    row.update({key: statistics.median(run[key] for run in good) for key in ("receivers", "open_s")})
    row.update({key: sum(run[key] for run in good) for key in ("missing", "errors")})
    row["messages"] = row["full_rate"] / row["receivers"]
    return {**row, "runs": len(good), "failed": len(runs) - len(good)}


def case_table(rows):
    """One case: a line a peer, the cheapest first."""
    lines = ["| server | in the room | opened in s | one message: p50 ms | p99 ms | slowest | CPU s per million | "
             "many: messages/s | deliveries/s | CPU s per million | missing | errors | runs |",
             "|---|" + "---:|" * 12]
    for name, row in sorted(rows.items(), key=lambda item: item[1].get("full_cpu", float("inf"))):
        if "error" in row:
            lines.append(f"| {name} | {row['error']} |" + " |" * 11)
            continue
        mark = "**" if name.startswith(OURS) else ""
        lines.append("| " + " | ".join((
            f"{mark}{name}{mark}", f"{row['receivers']:,.0f}", f"{row['open_s']:.0f}", f"{row['alone_p50_ms']:.0f}",
            f"{mark}{row['alone_p99_ms']:.0f}{mark}", f"{row['alone_max_ms']:.0f}", f"{row['alone_cpu']:.2f}",
            f"{mark}{row['messages']:.1f}{mark}", f"{row['full_rate']:,.0f}", f"{mark}{row['full_cpu']:.2f}{mark}",
            f"{row['missing']:,}", f"{row['errors']:,}", f"{row['runs']}/{row['runs'] + row['failed']}")) + " |")
    return lines + [""]


def conditions(results):
    """Where, and how often."""
    return f"{results['machine']}; medians of {results['rounds']} interleaved rounds"


def markdown(results):
    """The whole report."""
    lines = [f"{', '.join(dict.fromkeys(results['versions'].values()))}. {conditions(results)}; load average {results['load_average'][0]:.1f} before, "
             f"{results['load_average'][1]:.1f} after.{results['note']}", "",
             "One message: with all idle before and after it. Many: twenty at once. CPU: of all processes of the server, "
             "for a million deliveries.", ""]
    for case, rows in results["summary"].items():
        if rows:
            lines += [f"### {BROADCASTS[case].title}", ""] + case_table(rows)
    return "\n".join(lines)


def svg(results):
    """CPU and delay."""
    found = []
    for case, rows in results["summary"].items():
        for words, key, form in (("p99 of a delivery, ms", "alone_p99_ms", "{:,.0f}"),
                                 ("messages a second to all of them", "messages", "{:,.1f}")):
            bars = sorted(((name, row[key], form.format(row[key])) for name, row in rows.items() if key in row),
                          key=lambda bar: bar[1], reverse=key == "messages")
            if bars:
                found.append((f"{BROADCASTS[case].receivers:,} receivers: {words}", bars))
    return panels("One message to everybody in a room", [
        "Left: from the sender to 99 of 100 receivers, one message at a time; shorter is better. Right: of twenty at once; "
        "longer is better.", conditions(results) + ". ./dev bench broadcast"], found,
        lambda bars: 1.05 * max(bar[1] for bar in bars))
