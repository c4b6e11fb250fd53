"""The summary as an SVG picture: bars of requests per second and of CPU, side by side."""
from xml.sax.saxutils import escape

COLOURS = {"sockherd": "#0f766e", "nginx": "#94a3b8", "h2o": "#cbd5e1"}
OTHER = "#e2e8f0"
INK, QUIET, GRID = "#0f172a", "#64748b", "#e2e8f0"
FONT = "font-family='Inter,DejaVu Sans,Helvetica,Arial,sans-serif'"

MARGIN, WIDTH = 28, 980
PANEL = 420           # width of one panel
BAR, BAR_GAP, GROUP_GAP, TITLE = 18, 4, 20, 20
LABEL = 96            # room for the number at the end of the longest bar
PEER = 72             # room for the server's name before the bars


def text(x, y, words, size=12, colour=INK, anchor="start", weight="normal"):
    """One line of text."""
    return (f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' "
            f"text-anchor='{anchor}' font-weight='{weight}' {FONT}>{escape(words)}</text>")


def bar(x, y, width, colour):
    """A bar with round ends on the right."""
    return (f"<rect x='{x:.1f}' y='{y:.1f}' width='{max(width, 1):.1f}' height='{BAR}' rx='2' "
            f"fill='{colour}'/>")


def group_height(peers):
    """Of one workload."""
    return TITLE + len(peers) * (BAR + BAR_GAP) + GROUP_GAP


def panel(x, y, peers, key, words):
    """The bars of one workload and one figure, scaled to the longest of them."""
    room = PANEL - PEER - LABEL
    most = max(row[key] for row in peers.values())
    parts = []
    for name, row in peers.items():
        strong = name == "sockherd"
        width = row[key] / most * room
        parts.append(text(x + PEER - 8, y + BAR - 5, name, 12, INK if strong else QUIET, "end",
                          "600" if strong else "normal"))
        parts.append(bar(x + PEER, y, width, COLOURS.get(name, OTHER)))
        parts.append(text(x + PEER + width + 6, y + BAR - 5, words(row), 11,
                          INK if strong else QUIET))
        y += BAR + BAR_GAP
    return parts


def rate_words(row):
    """The number at the end of a bar on the left."""
    ratio = f"  ×{row['ratio']:.2f}" if "ratio" in row else ""
    return f"{row['requests_per_second']:,.0f}{ratio}"


def cpu_words(row):
    """The number at the end of a bar on the right."""
    ratio = f"  ×{row['cpu_ratio']:.2f}" if "cpu_ratio" in row else ""
    return f"{row['cpu_per_million']:.2f} s{ratio}"


def svg(summary, titles, subtitle):
    """The whole picture."""
    left, right = MARGIN, WIDTH - MARGIN - PANEL
    top = 108
    height = top + sum(group_height(peers) for peers in summary.values()) + 16
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{height}' "
        f"viewBox='0 0 {WIDTH} {height}'>",
        f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>",
        text(MARGIN, 36, "HTTP on two processes", 20, weight="600"),
        text(MARGIN, 56, subtitle, 12, QUIET),
        text(left, 86, "Requests per second (× beside nginx)", 13, weight="600"),
        text(right, 86, "Server CPU s per million requests (less is better)", 13, weight="600"),
    ]
    y = top
    for load, peers in summary.items():
        parts.append(f"<line x1='{MARGIN}' y1='{y - 10}' x2='{WIDTH - MARGIN}' y2='{y - 10}' "
                     f"stroke='{GRID}'/>")
        parts.append(text(left, y + 7, titles[load], 12, QUIET))
        parts += panel(left, y + TITLE - 4, peers, "requests_per_second", rate_words)
        parts += panel(right, y + TITLE - 4, peers, "cpu_per_million", cpu_words)
        y += group_height(peers)
    return "\n".join(parts) + "\n</svg>\n"
