"""The results as a table, and what a cell means."""
from tests.bench.lifecycle.rows import KILLS, ROWS, TITLES


def beyond(cell):
    """What is lost beyond what killed processes held."""
    return max(0, cell["lost"] - cell["held"])


def words(row, cell):
    """A cell of the table."""
    if cell is None:
        return ""
    if "error" in cell:
        return "not measured"
    text = f"{cell['lost']:,} / {cell['requests']:,}"
    if row in KILLS:
        text += f" (held: {cell['held']:,})"
    if cell["slow"]:
        text += f"; {cell['slow'] / cell['requests']:.1%} > 1 s"
    return f"{text}; {cell['actions']}×"


def machine(results):
    """Where and when."""
    loads = " to ".join(f"{load:.0f}" for load in results.get("load_average", []))
    return f"{results.get('machine', '')}; load average {loads}"


def endurance(results):
    """What a thousand reloads leave behind, and the two times."""
    lines = []
    reloads = results["sockherd"].get("reloads", {})
    if "samples" in reloads:
        samples = {int(count): sample for count, sample in reloads["samples"].items()}
        keys = list(next(iter(samples.values())))
        lines += ["", f"sockherd, {max(samples):,} reloads under a light load: "
                  f"{reloads['lost']:,} of {reloads['requests']:,} requests lost, counters that went "
                  f"down: {len(reloads['counters_gone_down'])}.", "",
                  "| reloads | " + " | ".join(keys) + " |", "|---:|" + "---:|" * len(keys)]
        lines += [f"| {count:,} | " + " | ".join(f"{sample[key]:,}" for key in keys) + " |"
                  for count, sample in sorted(samples.items())]
    times = results["sockherd"].get("times", {})
    if "scale median ms" in times:
        lines += ["", f"1 to 64 workers, all ready: {times['scale median ms']:.0f} ms (median of "
                  f"{len(times['scale 1 to 64 ms'])}). Reload of 8 workers: "
                  f"{times['reload median ms']:.0f} ms (median of {len(times['reload of 8 ms'])})."]
    return lines


def markdown(results):
    """The whole page."""
    systems = list(results["systems"])
    lines = ["# What each action costs the clients", "",
             "Made by `./dev bench lifecycle`; `tests/bench/bench_lifecycle.py` says how each figure "
             "comes about.", "",
             f"{', '.join(results['systems'].values())}. {machine(results)}.", "",
             "A cell: requests lost (refused, reset, ended before the answer, or no answer within "
             "5 s) / of how many; what share took longer than a second; how often the action was done. "
             "Held: what killed processes had accepted, which dies with them.", "",
             "| | " + " | ".join(systems) + " |", "|---|" + "---|" * len(systems)]
    for row, _, _ in ROWS:
        cells = results["cells"].get(row)
        if cells:
            lines.append(f"| {TITLES[row]} | " +
                         " | ".join(words(row, cells.get(name)) for name in systems) + " |")
    lines += endurance(results)
    if results.get("notes"):
        lines += ["", "Notes on this run:", ""] + [f"- {note}" for note in results["notes"]]
    return "\n".join(lines) + "\n"
