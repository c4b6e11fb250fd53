#!/usr/bin/env python3
"""Fail when a file includes a layer that it may not see. MAY_SEE is the architecture; docs/architecture.md has the same."""
import pathlib
import re
import sys

BASE = "daemon/base"
MAY_SEE = {  # folder: the folders it may include, besides its own
    "daemon/base": [],
    "daemon/sys": [BASE],
    "daemon/contract": [BASE],
    "daemon/http": [BASE],
    "daemon/stats": [BASE],
    "daemon/config": [BASE],
    "daemon/fleet": [BASE],
    "daemon/bus": [BASE],
    "daemon/supervisor": [BASE, "daemon/sys", "daemon/contract", "daemon/config", "daemon/stats",
                          "daemon/fleet", "daemon/bus"],
    "daemon/io": [BASE, "daemon/sys"],
    "daemon/websocket": [BASE, "daemon/http"],
    "daemon/rooms": [BASE, "daemon/sys", "daemon/contract", "daemon/stats", "daemon/io", "daemon/websocket"],
    "daemon/worker": [BASE, "daemon/sys", "daemon/contract", "daemon/config", "daemon/stats", "daemon/http",
                      "daemon/io", "daemon/websocket", "daemon/rooms"],
    "daemon/app": [],
    "daemon/module": [BASE, "daemon/sys", "daemon/config", "daemon/stats", "daemon/http", "daemon/io",
                      "daemon/websocket", "daemon/rooms", "daemon/worker", "daemon/app"],
    "admin/metrics": [BASE, "daemon/stats", "daemon/bus"],
    "admin/web": [BASE],
    "admin/api": [BASE, "daemon/sys", "daemon/http", "daemon/stats", "daemon/config", "daemon/bus",
                  "admin/metrics", "admin/web"],
    "admin/load": [BASE, "daemon/sys", "daemon/http", "daemon/io", "daemon/websocket"],
    "admin/ctl": [BASE, "daemon/sys", "daemon/http", "daemon/config", "daemon/bus", "admin/load"],
    "daemon": ["daemon", "admin"],  # the *_main.cc wire everything together
    "admin": ["daemon", "admin"],
}
# Pure folders: no descriptors, no clock, no logging. Time and bytes are arguments.
PURE = ["daemon/contract", "daemon/fleet", "daemon/http", "daemon/config", "daemon/stats",
        "daemon/websocket"]
PURE_FORBIDS = re.compile(r'^\s*#\s*include\s+[<"](?:unistd\.h|fcntl\.h|sys/(?:socket|epoll|mman|stat)\.h'
                          r'|systemd/.*|daemon/base/(?:unique_fd|log|clock)\.h)[>"]')
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def layer_of(path):
    """The longest folder of MAY_SEE that holds path."""
    return max((f for f in MAY_SEE if path.startswith(f + "/")), key=len)


def violations(root):
    files = (p for top in ("daemon", "admin") for p in (root / top).rglob("*") if p.suffix in (".h", ".cc"))
    for file in sorted(files):
        name = file.relative_to(root).as_posix()
        layer = layer_of(name)
        allowed = MAY_SEE[layer] + [layer]
        for number, line in enumerate(file.read_text().splitlines(), 1):
            seen = INCLUDE.match(line)
            if seen and not any(seen[1].startswith(ok + "/") for ok in allowed):
                yield f'{name}:{number}: {layer} may not include "{seen[1]}"'
            if layer in PURE and PURE_FORBIDS.match(line):
                yield f"{name}:{number}: {layer} is pure: {line.strip()}"


def misprints(root):
    """Rows of the table of docs/architecture.md that are not those of MAY_SEE."""
    text = (root / "docs/architecture.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `((?:daemon|admin)/\w+)` \|.*\| ([^|]*) \|$", text, re.MULTILINE))
    for layer in sorted(set(rows) | {name for name in MAY_SEE if "/" in name}):
        if layer not in rows or layer not in MAY_SEE:
            yield f"docs/architecture.md: {layer} stands in one of the two tables only"
            continue
        wanted = [name.split("/")[1] for name in MAY_SEE[layer]]
        if sorted(rows[layer].replace("–", "").split()) != sorted(wanted):
            yield f"docs/architecture.md: {layer} may include: {' '.join(wanted) or '–'}"


if __name__ == "__main__":
    tree = pathlib.Path(__file__).resolve().parents[2]
    found = [*violations(tree), *misprints(tree)]
    print("\n".join(found) or "layers: ok")
    sys.exit(bool(found))
