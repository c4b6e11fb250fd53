"""What the pictures have in common. They stand on their own ground, so they read the same on a light
and on a dark page, and name no font that must be there."""
from xml.sax.saxutils import escape

GROUND, INK, QUIET, LINE, EMPTY = "#0d1520", "#e8eef5", "#9fb0c3", "#24344a", "#131e2c"
FONT = "font-family='Inter,DejaVu Sans,Helvetica,Arial,sans-serif'"


HALO = f"stroke='{GROUND}' stroke-width='4' paint-order='stroke' stroke-linejoin='round'"


def text(x, y, content, size=13, colour=INK, anchor="start", weight="normal", more=""):
    """One line; more: attributes, as HALO where it stands on other things."""
    return (f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' "
            f"text-anchor='{anchor}' font-weight='{weight}' {FONT}{' ' * bool(more)}{more}>"
            f"{escape(content)}</text>")


def box(x, y, width, height, colour, radius=4):
    """A filled rectangle."""
    return (f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' rx='{radius}' "
            f"fill='{colour}'/>")


def line(x1, y1, x2, y2, colour=LINE, width=0.5, dashes=""):
    """A straight one."""
    dashed = f" stroke-dasharray='{dashes}'" if dashes else ""
    return (f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{colour}' "
            f"stroke-width='{width}'{dashed}/>")


def picture(width, height, label, parts):
    """The whole SVG."""
    return "\n".join([
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
        f"viewBox='0 0 {width} {height}' role='img' aria-label='{escape(label)}'>",
        f"<rect width='{width}' height='{height}' rx='10' fill='{GROUND}'/>", *parts]) + "\n</svg>\n"
