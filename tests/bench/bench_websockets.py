#!/usr/bin/env python3
"""Very many WebSockets at once, on one machine: opened, held, and each asked for an echo at the end.

    python3 -m tests.bench.bench_websockets --out DIRECTORY [--connections N,...] [--hold SECONDS]
        [--peers] [--raise-limits] [--check] [--draw]

As many as this machine can hold by its memory, at most a million, unless --connections says how many. Server and
client are on the same machine, in as many processes as the limit of descriptors asks for; the client comes from
many addresses of 127.0.0.0/8. What other limits are in the way is told; --raise-limits sets those that root may
set, names them, and sets them back. --peers: idle memory of 10,000 beside node ws and Crystal. --check: fails
unless every one was opened, held and echoed, with at most 256 bytes of user memory each.

The build is the one SOCKHERD_BIN_DIR points to. Writes many.json, many.md and websockets.svg.
"""
import argparse
import contextlib
import json
import os
import pathlib
import sys

from tests.bench.engine.rounds import say
from tests.bench.peers import peer
from tests.bench.peers.websockets import CrystalWebSockets, NodeWs
from tests.bench.websockets import many, many_report
from tests.bench.websockets.machine import machine
from tests.support.paths import program

RESULT = "many.json"
MILLION = 1_000_000
BYTES_A_PAIR = 12 * 1024  # of the kernel, and of both programs; with something to spare
LIMIT = 256               # bytes of user memory of an idle connection
COMPARED = 10_000
SYSCTL = pathlib.Path("/proc/sys")


def fitting():
    """How many this machine can hold."""
    room = many.fields_of("/proc/meminfo")["MemAvailable"] // BYTES_A_PAIR
    return min(MILLION, room // 10_000 * 10_000)


def wanted_limits(connections):
    """{sysctl: least value} for both ends."""
    return {"fs/file-max": 2 * connections + 200_000, "fs/epoll/max_user_watches": 2 * connections + 10_000}


@contextlib.contextmanager
def raised_limits(connections, is_allowed):
    """["fs.file-max 100 -> 200", ...] while it lasts; what is missing and not allowed is said."""
    raised, before = [], {}
    for name, least in wanted_limits(connections).items():
        file = SYSCTL / name
        value = file.read_text().strip()
        if int(value) >= least:
            continue
        if not is_allowed:
            say(f"note: {name.replace('/', '.')} is {value}, {least} would be enough (--raise-limits)")
            continue
        before[file] = value
        file.write_text(str(least))
        raised.append(f"{name.replace('/', '.')} from {value} to {least}")
    for change in raised:
        say(f"raised: {change}")
    try:
        yield raised
    finally:
        for file, value in before.items():
            file.write_text(value)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="directory of the results")
    parser.add_argument("--connections", default="", help="comma-separated; default: what memory allows")
    parser.add_argument("--hold", type=float, default=30, help="seconds from when all are open")
    parser.add_argument("--peers", action="store_true", help="idle memory beside others")
    parser.add_argument("--raise-limits", action="store_true", help="set sysctls that are too low, for the run")
    parser.add_argument("--check", action="store_true", help="fail unless all is as it must be")
    parser.add_argument("--draw", action="store_true", help="only table and picture, from the JSON")
    options = parser.parse_args()
    options.connections = [int(number) for number in options.connections.split(",") if number] or [fitting()]
    return options


def compared():
    """{name: run} of the peers."""
    runs = {}
    for kind in (NodeWs, CrystalWebSockets):
        say(f"{kind.name}: {COMPARED:,}")
        try:
            with kind(workers=1, connections=COMPARED + 100) as server:
                runs[kind.name] = many.measure(server.address, COMPARED, server.pids, lambda: None, 25)
        except (peer.NotHere, peer.WrongAnswer, RuntimeError) as error:
            runs[kind.name] = {"error": str(error)}
    return runs


def measured(options):
    """Everything."""
    results = {**machine(), "version": peer.first_line(program("sockherd"), "--version"), "runs": []}
    with raised_limits(max(options.connections), options.raise_limits) as raised:
        results["raised"] = raised
        for connections in options.connections:
            say(f"sockherd: {connections:,}")
            results["runs"].append(many.sockherd(connections, options.hold))
    results["peers"] = compared() if options.peers else {}
    results["load_average"].append(os.getloadavg()[0])
    return results


def faults(run):
    """What is not as it must be."""
    load = run["load"]
    wanted = load["connections"]["wanted"]
    for what, is_value in (("opened", load["connections"]["opened"]), ("open when they were held", run["open"]),
                           ("open after that", load["connections"]["open_at_end"]), ("echoed", load["echoed"]),
                           ("answered", load["answered"]), ("closed with 1000", load["closes"].get("1000", 0))):
        if is_value != wanted:
            yield f"{wanted:,} wanted, {is_value:,} {what}"
    if load["errors"]:
        yield f"errors: {load['errors_by_kind']}"
    if run["user_bytes"] > LIMIT:
        yield f"{run['user_bytes']:.0f} bytes of user memory a connection; at most {LIMIT}"
    yield from run["faults"]


def main():
    """Measures, writes, prints."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / RESULT
    results = json.loads(file.read_text()) if options.draw else measured(options)
    file.write_text(json.dumps(results, indent=1))
    (options.out / "many.md").write_text(many_report.markdown(results))
    (options.out / "websockets.svg").write_text(many_report.svg(results))
    print(many_report.markdown(results))
    found = [fault for run in results["runs"] for fault in faults(run)]
    print("\n".join(found))
    return 1 if found and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
