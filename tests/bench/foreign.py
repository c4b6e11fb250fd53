"""Tables and picture of one application of another language under its own supervisor and under ours."""
from tests.bench import blocking
from tests.bench.engine.picture import panels
from tests.bench.peers.foreign import THREADS

CASES = {case.name: case for case in (
    blocking.Case("plaintext", "/plaintext: 13 bytes"), blocking.Case("10k", "/10k: 10 KiB"),
    blocking.Case("cpu", "/cpu: half a millisecond of Ruby"), blocking.Case("io", "/io: a sleep of 5 ms"))}


def markdown(results):
    """The tables."""
    lines = [f"{'; '.join(dict.fromkeys(results['versions'].values()))}. Two processes with {THREADS} threads each, "
             f"{blocking.CONNECTIONS} connections. {blocking.conditions(results)} of {results['seconds']} s; load average "
             f"{results['load_average'][0]:.1f} before, {results['load_average'][1]:.1f} after.{results['note']}", "",
             "| server | " + " | ".join(f"{case.path} req/s" for case in CASES.values()) + " | PSS MB |",
             "|---|" + "---:|" * (len(CASES) + 1)]
    for name in results["versions"]:
        rows = [results["summary"].get(case, {}).get(name) for case in CASES]
        memory = max((row["pss"] for row in rows if row), default=0) / blocking.MIB
        lines.append(f"| {name} | " + " | ".join(f"{row['rate']:,.0f}" if row else "–" for row in rows) +
                     f" | {memory:.1f} |")
    lines.append("")
    for case, rows in results["summary"].items():
        if rows:
            lines += [f"### {CASES[case].title}", ""] + blocking.case_table(rows)
    return "\n".join(lines)


def svg(results):
    """Requests a second."""
    found = []
    for case, rows in results["summary"].items():
        bars = sorted(((name, row["rate"], f"{row['rate']:,.0f}") for name, row in rows.items()),
                      key=lambda bar: -bar[1])
        if bars:
            found.append((f"{CASES[case].title}: requests/s", bars))
    return panels("Puma in its own cluster mode, and under sockherd", [
        f"Two processes with {THREADS} threads each, {blocking.CONNECTIONS} connections. Longer is better.",
        blocking.conditions(results) + ". ./dev bench foreign"], found, lambda bars: 1.05 * max(bar[1] for bar in bars))
