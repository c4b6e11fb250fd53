"""The table as a picture: rows are actions, columns are systems, colour is the share that was lost."""
import math

from tests.bench.drawing import EMPTY, INK, QUIET, box, line, picture, text
from tests.bench.lifecycle.report import beyond, machine
from tests.bench.lifecycle.rows import KILLS, ROWS, TITLES

NONE = "#0f7a55"                                    # nothing lost
SCALE = ("#6b5a1e", "#8a5a17", "#a84f16", "#b93a1c", "#b3203a")  # 1 in 100,000 … everything
MARGIN, LABEL, CELL, HEIGHT, GAP = 28, 290, 160, 38, 4
TOP = 128


def colour_of(cell):
    """By the logarithm of the share that was lost beyond what killed processes held."""
    lost = beyond(cell)
    if lost == 0:
        return NONE
    step = 5 + math.log10(lost / cell["requests"])  # 1 in 100,000 is 0, 1 in 10 is 4
    return SCALE[max(0, min(len(SCALE) - 1, int(step)))]


def drawn_cell(x, y, row, cell):
    """A box and two lines in it."""
    middle = x + CELL / 2
    if cell is None:
        return [box(x, y, CELL, HEIGHT, EMPTY), text(middle, y + 24, "–", 13, QUIET, "middle")]
    if "error" in cell:
        return [box(x, y, CELL, HEIGHT, EMPTY),
                text(middle, y + 24, "not measured", 11, QUIET, "middle")]
    second = f"of {cell['requests']:,} · {cell['actions']}×"
    if row in KILLS:
        second = f"{cell['held']:,} held · {second}"
    elif cell["slow"] >= cell["requests"] / 100:
        second += f" · {cell['slow'] / cell['requests']:.0%} > 1 s"
    return [box(x, y, CELL, HEIGHT, colour_of(cell)),
            text(middle, y + 17, f"{cell['lost']:,} lost", 14, "#ffffff", "middle", "600"),
            text(middle, y + 31, second, 10.5, "#f1f5f9", "middle")]


def legend(x, y):
    """What the colours mean."""
    names = ("none beyond what was held", "< 1 in 10,000", "< 1 in 1,000", "< 1 in 100", "< 1 in 10", "more")
    parts = []
    for name, colour in zip(names, (NONE, *SCALE)):
        parts += [box(x, y - 11, 14, 14, colour), text(x + 20, y, name, 11, QUIET)]
        x += 40 + 6.0 * len(name)
    return parts


def svg(results):
    """The whole picture."""
    systems = list(results["systems"])
    rows = [row for row, _, _ in ROWS if row in results["cells"]]
    width = 2 * MARGIN + LABEL + len(systems) * (CELL + GAP)
    height = TOP + len(rows) * (HEIGHT + GAP) + 66
    parts = [
        text(MARGIN, 40, "What each action costs the clients", 21, weight="600"),
        text(MARGIN, 62, "Requests lost, out of how many: refused, reset, cut off or not answered "
             "within 5 s, with short, keep-alive, hesitant and", 12, QUIET),
        text(MARGIN, 78, "long-waiting clients at work all the time. Held: what a killed process had "
             "accepted, and nobody can save. 30×: how often it was done.", 12, QUIET),
    ]
    for i, name in enumerate(systems):
        x = MARGIN + LABEL + i * (CELL + GAP) + CELL / 2
        version = results["systems"][name].split("/")[-1].split()[-1].split("-")[0]
        parts += [text(x, 104, name, 14, INK, "middle", "600" if i == 0 else "normal"),
                  text(x, 119, version, 10.5, QUIET, "middle")]
    y = TOP
    for row in rows:
        parts.append(text(MARGIN + (14 if TITLES[row].startswith("…") else 0), y + 24, TITLES[row],
                          13))
        for i, name in enumerate(systems):
            parts += drawn_cell(MARGIN + LABEL + i * (CELL + GAP), y, row,
                                results["cells"][row].get(name))
        parts.append(line(MARGIN, y + HEIGHT + GAP / 2, width - MARGIN, y + HEIGHT + GAP / 2))
        y += HEIGHT + GAP
    parts += legend(MARGIN, y + 24)
    parts.append(text(MARGIN, y + 46, f"{machine(results)}; four workers (HAProxy: threads) each. "
                      "–: not measured. ./dev bench lifecycle", 11, QUIET))
    return picture(width, height, "Requests lost, by action and server", parts)
