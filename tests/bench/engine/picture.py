"""The medians as pictures: a panel a case, a bar a server, and the ceiling as a line at 1."""
from tests.bench.drawing import GROUND, HALO, INK, LINE, QUIET, box, line, picture, text
from tests.bench.engine.cases import CASES
from tests.bench.engine.rounds import REFERENCE

OURS, OURS_DARK, OTHERS, CEILING = "#14b88a", "#0f7a55", "#44597a", "#8a5a17"
MARGIN, PANEL, GUTTER, TOP = 28, 460, 36, 100
NAME, NUMBER = 128, 62            # room for the name before a bar, and for the figure behind it
BAR, GAP, TITLE, BELOW = 15, 4, 26, 26
COLUMNS = 2


def colour_of(name):
    """Ours stand out, and so does what they are measured against."""
    if name.startswith("sockherd"):
        return OURS if name == "sockherd" else OURS_DARK
    return CEILING if name.startswith("ceiling") else OTHERS


def panel(x, y, title, bars, most, reference=None):
    """bars: [(name, value, words), ...]; those longer than `most` are cut, which their end shows."""
    room = PANEL - NAME - NUMBER
    parts = [text(x, y + 12, title, 13, INK, weight="600")]
    y += TITLE
    if reference:
        at = x + NAME + reference / most * room
        parts.append(line(at, y - 3, at, y + len(bars) * (BAR + GAP), INK, 1, "2 3"))
    for name, value, words in bars:
        strong = name.startswith("sockherd")
        width = max(min(value / most, 1) * room, 1)
        parts += [text(x + NAME - 8, y + BAR - 3, name, 12, INK if strong else QUIET, "end",
                       "600" if strong else "normal"),
                  box(x + NAME, y, width, BAR, colour_of(name), 2)]
        if value > most:  # a tear
            parts.append(line(x + NAME + room - 14, y + BAR + 2, x + NAME + room - 8, y - 2, GROUND, 4))
        parts.append(text(x + NAME + width + 6, y + BAR - 3, words, 11.5, INK if strong else QUIET,
                          more=HALO))
        y += BAR + GAP
    return parts


def height_of(bars):
    """Of a panel."""
    return TITLE + len(bars) * (BAR + GAP) + BELOW


def panels(title, lines, found, most, reference=None):
    """found: [(title, bars), ...], in columns; the SVG."""
    width = 2 * MARGIN + COLUMNS * PANEL + (COLUMNS - 1) * GUTTER
    parts = [text(MARGIN, 40, title, 21, weight="600")]
    parts += [text(MARGIN, 62 + 16 * i, words, 12, QUIET) for i, words in enumerate(lines)]
    y = TOP
    for i in range(0, len(found), COLUMNS):
        row = found[i:i + COLUMNS]
        if i:
            parts.append(line(MARGIN, y - 12, width - MARGIN, y - 12, LINE))
        for column, (words, bars) in enumerate(row):
            parts += panel(MARGIN + column * (PANEL + GUTTER), y, words, bars, most(bars), reference)
        y += max(height_of(bars) for _, bars in row)
    return picture(width, y, title, parts)


def case_bars(rows, key, form, reverse):
    """The bars of one case, best first."""
    bars = [(name, row[key], form.format(row[key])) for name, row in rows.items() if row[key] is not None]
    return sorted(bars, key=lambda bar: bar[1], reverse=reverse)


def found_cases(summary, key, form, reverse):
    """A panel a case."""
    return [(CASES[case].title, case_bars(rows, key, form, reverse)) for case, rows in summary.items() if rows]


def conditions(results):
    """The last line of words above the panels."""
    return (f"{results['machine']}; two processes each; medians of {results['rounds']} interleaved rounds. "
            "./dev bench engine")


def cpu_svg(results):
    """CPU per request."""
    return panels("What a request costs the server", [
        "User and system time of all its processes for each request, as a multiple of a server that parses "
        "nothing and answers a constant (the line). Shorter is better.", conditions(results)],
        found_cases(results["summary"], "cpu_ratio", "×{:.2f}", False), lambda _: 4, 1)


def rate_svg(results):
    """Requests per second."""
    return panels("Requests per second", [
        "As a multiple of a server that parses nothing and answers a constant (the line), which ran just "
        "before and after. Longer is better.", conditions(results)],
        found_cases(results["summary"], "rate_ratio", "×{:.2f}", True), lambda _: 1.3, 1)


def memory_bars(measured, key, unit, form):
    """One figure of the memory, least first."""
    return sorted(((name, row[key] / unit, form.format(row[key] / unit)) for name, row in measured.items()
                   if "error" not in row), key=lambda bar: bar[1])


def memory_svg(results):
    """Idle connections, and the whole server."""
    return panels("Memory", [
        "User memory: what 10,000 keep-alive connections add to one worker after one request each; and PSS "
        "of all processes of a server with two workers.", results["machine"] + ". ./dev bench engine"],
        [("An idle connection, bytes", memory_bars(results["memory"], "pss_each", 1, "{:,.0f}")),
         ("Two workers and all that belongs to them after load, MB",
          memory_bars(results["memory"], "after_load", 1024 * 1024, "{:.1f}"))],
        lambda bars: 2.5 * bars[len(bars) // 2][1])


def pictures(results):
    """{file name: SVG} of what was measured."""
    found = {}
    if any(name != REFERENCE for rows in results["summary"].values() for name in rows):
        found["engine-cpu.svg"] = cpu_svg(results)
        found["engine-rate.svg"] = rate_svg(results)
    if any("error" not in row for row in results["memory"].values()):
        found["engine-memory.svg"] = memory_svg(results)
    return found
