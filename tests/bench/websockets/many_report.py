"""What very many WebSockets have cost, as a table and as a picture over time."""
from tests.bench.drawing import INK, LINE, QUIET, line, picture, text

GIB = 1 << 30
OPEN_COLOUR, KERNEL_COLOUR = "#4cc38a", "#f5a524"
LEFT, RIGHT, TOP, BOTTOM = 90, 810, 90, 350


def nanoseconds(value):
    """As people read it."""
    return f"{value / 1e6:,.1f} ms" if value < 1e9 else f"{value / 1e9:,.2f} s"


def row_of(run):
    """The figures of one run."""
    load = run["load"]
    return {
        "connections": f"{run['connections']:,} of {load['connections']['wanted']:,}",
        "opened in": f"{load['connections']['seconds']:,.1f} s "
                     f"({run['connections'] / max(load['connections']['seconds'], 1e-9):,.0f} a second)",
        "user memory of the server a connection": f"{run['user_bytes']:,.0f} bytes",
        "user memory of the client a connection": f"{run['client_bytes']:,.0f} bytes",
        "kernel memory a connection, both ends": f"{run['kernel_bytes']:,.0f} bytes",
        "CPU of the server while all are idle": f"{run['cpu_idle'] * 100:.2f} % of a core",
        "echoes at the end": f"{load['echoed']:,} of {run['connections']:,} in {load['echo_seconds']:,.1f} s, p99 "
                             f"{nanoseconds(load['latency_ns']['p99'])}",
        "errors": ", ".join(f"{kind} {count:,}" for kind, count in load["errors_by_kind"].items()) or "none",
        "workers, client processes, source addresses":
            f"{run.get('workers', 1)}, {load['processes']}, {load['sources']}",
    }


def markdown(results):
    """A column a run, and what others say of themselves."""
    runs = results["runs"]
    titles = [f"{run['load']['connections']['wanted']:,}" for run in runs]
    lines = [f"{results['version']}. {results['machine']}; load average {results['load_average'][0]:.1f} before, "
             f"{results['load_average'][1]:.1f} after.{results['note']}", "",
             "| wanted | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(runs)]
    rows = [row_of(run) for run in runs]
    lines += [f"| {key} | " + " | ".join(row[key] for row in rows) + " |" for key in rows[0]]
    if results.get("peers"):
        lines += ["", "| server, 10,000 idle WebSockets | bytes of user memory each | opened in s |", "|---|---:|---:|"]
        lines += [f"| {name} | " + (run["error"] + " | |" if "error" in run else
                                    f"{run['user_bytes']:,.0f} | {run['load']['connections']['seconds']:.1f} |")
                  for name, run in results["peers"].items()]
    lines += ["", "Raised for the runs: " + (", ".join(results["raised"]) or "nothing") + "."]
    return "\n".join(lines) + "\n"


def points(pairs, colour):
    """A line through them."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)
    return f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2' stroke-linejoin='round'/>"


def round_up(value):
    """The end of an axis."""
    power = 10 ** (len(str(int(max(value, 1)))) - 1)
    return next(step * power for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10) if step * power >= value)


def svg(results):
    """The largest run: open connections and memory over time."""
    run = max(results["runs"], key=lambda one: one["connections"])
    load, memory = run["load"], run["samples"]
    end = round_up(max(load["samples"][-1]["seconds"], memory[-1]["seconds"] if memory else 0))
    most = round_up(max(sample["open"] for sample in load["samples"]) * 1.05)
    before = run["before"]["slab"]
    taken = [(sample["seconds"], max(sample["slab"] - before, 0) / GIB) for sample in memory]
    most_gib = round_up(max([gib for _, gib in taken] + [0.1]) * 1.2)

    def x_of(seconds):
        return LEFT + (RIGHT - LEFT) * seconds / end

    def y_of(share):
        return BOTTOM - (BOTTOM - TOP) * share
    parts = [text(30, 34, f"{run['connections']:,} WebSockets at once", 18, INK, weight="bold"),
             text(30, 56, f"{run['user_bytes']:,.0f} bytes of user memory each, {run.get('workers', 1)} workers, "
                          f"{load['processes']} client processes, {results['machine']}", 12, QUIET),
             text(LEFT, TOP - 10, "open WebSockets", 12, OPEN_COLOUR),
             text(RIGHT, TOP - 10, "memory of the kernel, both ends", 12, KERNEL_COLOUR, "end")]
    for step in range(5):
        share = step / 4
        parts += [line(LEFT, y_of(share), RIGHT, y_of(share), LINE, 1),
                  text(LEFT - 8, y_of(share) + 4, f"{most * share:,.0f}", 12, OPEN_COLOUR, "end"),
                  text(RIGHT + 8, y_of(share) + 4, f"{most_gib * share:.1f} GiB", 12, KERNEL_COLOUR),
                  text(x_of(end * share), BOTTOM + 20, f"{end * share:,.0f} s", 12, QUIET, "middle")]
    opened = load["connections"]["seconds"]
    held = max((s["seconds"] for s in load["samples"] if s["open"] >= run["connections"]), default=opened)
    for at, what in ((opened, "all are open"), (held, "each has had its echo")):
        parts += [line(x_of(at), TOP, x_of(at), BOTTOM, QUIET, 1, "4 4"),
                  text(x_of(at) + 6, BOTTOM - 12, what, 12, QUIET)]
    parts += [points([(x_of(s["seconds"]), y_of(s["open"] / most)) for s in load["samples"]], OPEN_COLOUR),
              points([(x_of(seconds), y_of(gib / most_gib)) for seconds, gib in taken], KERNEL_COLOUR)]
    return picture(900, 390, f"{run['connections']} WebSockets at once, and their memory", parts)
