"""Tables and picture of reverse proxies in front of the same upstreams."""
from tests.bench import blocking
from tests.bench.engine.picture import panels
from tests.bench.engine.report import figure
from tests.bench.peers.proxies import KEPT, SLOW, UPSTREAMS

OURS, THEIRS = "sockherd", "nginx"


class Case(blocking.Case):
    """A case by name, with a path of its own."""

    where = {"small": "/plaintext", "10k": "/10k", "1m": "/file/1m.bin", SLOW: "/plaintext"}

    @property
    def path(self):
        return self.where[self.name]


CASES = {case.name: case for case in (
    Case("small", "small: 13 bytes"), Case("10k", "10k: 10 KiB"), Case("1m", "1m: 1 MiB", connections=16),
    Case(SLOW, f"slow: 13 bytes, one of {UPSTREAMS} upstreams takes 20 ms for each request"))}


def ratios(summary):
    """One line a case and peer: how many times as many requests, and how much CPU for each."""
    lines = ["| case | beside | requests/s | CPU a request | p99 |", "|---|---|" + "---:|" * 3]
    for case, rows in summary.items():
        ours = rows.get(OURS)
        for name, row in rows.items():
            if not ours or name == OURS:
                continue
            lines.append(f"| {case} | {name} | {ratio(ours, row, 'rate')} | {ratio(ours, row, 'cpu')} | "
                         f"{ratio(ours, row, 'p99_ms')} |")
    return lines + [""]


def ratio(ours, theirs, key):
    """Ours as a multiple of theirs."""
    return figure(ours[key] / theirs[key] if theirs[key] else None)


def about(results):
    """What was measured where."""
    return (f"{', '.join(dict.fromkeys(results['versions'].values()))}; two processes each, in front of the same "
            f"{UPSTREAMS} upstreams with {KEPT} kept connections to each. {blocking.conditions(results)} of "
            f"{results['seconds']} s; load average {results['load_average'][0]:.1f} before, "
            f"{results['load_average'][1]:.1f} after. CPU and memory are those of the proxy alone.{results['note']}")


def markdown(results):
    """The tables."""
    lines = [about(results), "", "sockherd as a multiple of the other:", "", *ratios(results["summary"])]
    for case, rows in results["summary"].items():
        if rows:
            lines += [f"### {CASES[case].title}", ""] + blocking.case_table(rows)
    return "\n".join(lines)


def svg(results):
    """Requests a second and CPU."""
    found = []
    for case, rows in results["summary"].items():
        for words, key, form, reverse in (("requests/s", "rate", "{:,.0f}", True),
                                          ("CPU s a million requests", "cpu", "{:,.1f}", False)):
            bars = sorted(((name, row[key], form.format(row[key])) for name, row in rows.items()),
                          key=lambda bar: bar[1], reverse=reverse)
            if bars:
                found.append((f"{CASES[case].title.split(':')[0]}: {words}", bars))
    return panels("Reverse proxies in front of the same upstreams", [
        f"Two processes each, {UPSTREAMS} upstreams. Left, longer is better; right, shorter is.",
        blocking.conditions(results) + ". ./dev bench proxy"], found, lambda bars: 1.05 * max(bar[1] for bar in bars))
