#!/usr/bin/env python3
"""The scenario of the Kemal article, by a load generator that is not ours.

    python3 -m tests.bench.bench_tsung --out DIRECTORY [--users 64000] [--rate 1000] [--quick]
        [--peers sockherd,crystal] [--draw]

Debian's tsung starts a thousand users a second. Each connects, sends one message, waits for its echo, and stays until
all are there and have been counted; then tsung is killed, and with it all connections. One server after the other, each with as many processes as its
connections need (a process may have 20,000 descriptors here), beside a Crystal HTTP::WebSocket server, which is
what Kemal's sockets are. All on one machine, tsung's virtual machines included: the times are of that mixture.

Connected and errors are tsung's counts, "held" the kernel's (established connections to the port while all
stay); memory is Pss of all processes of a server, now less before the first connection, a connection.
Writes tsung.json, tsung.md and tsung.svg, and prints the table.
"""
import argparse
import json
import os
import pathlib
import shutil
import sys

from tests.bench.engine.picture import panels
from tests.bench.engine.rounds import say
from tests.bench.peers import NotHere
from tests.bench.peers.websockets import WEB_SOCKET_PEERS, SockherdWebSockets
from tests.bench.websockets import tsung_run
from tests.bench.websockets.machine import machine
from tests.support.wait import NotReached

RESULT = "tsung.json"
MIB = 1024 * 1024


class Sockherd(SockherdWebSockets):
    """tsung answers no pings."""

    pool = 'websocket_ping = "1h"'


PEERS = {**WEB_SOCKET_PEERS, "sockherd": Sockherd}
USUAL = ("sockherd", "crystal")


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="directory of the results")
    parser.add_argument("--users", type=int, default=64_000)
    parser.add_argument("--rate", type=int, default=1000, help="new ones a second")
    parser.add_argument("--peers", default=",".join(USUAL), help=f"comma-separated, of {', '.join(PEERS)}")
    parser.add_argument("--quick", action="store_true", help="4,000 users")
    parser.add_argument("--draw", action="store_true", help="only table and picture, from the JSON")
    options = parser.parse_args()
    options.peers = options.peers.split(",")
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"not known: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    if options.quick:
        options.users = 4000
    return options


def measured(options):
    """One server after the other."""
    results = {**machine(), "users": options.users, "rate": options.rate, "tsung": tsung_run.version(),
               "rows": {}}
    for name in options.peers:
        say(f"tsung, {options.users:,} users: {name}")
        try:
            results["rows"][name] = tsung_run.measure(PEERS[name], options.users, options.rate)
        except (NotHere, NotReached, OSError) as error:
            say(f"bench_tsung: {name}: {error}")
            results["rows"][name] = {"error": str(error).splitlines()[0]}
    results["load_average"].append(os.getloadavg()[0])
    return results


def markdown(results):
    """The table."""
    versions = ", ".join(row["version"] for row in results["rows"].values() if "error" not in row)
    lines = [f"{results['tsung']}: {results['users']:,} users, {results['rate']:,} new ones a second. {versions}. "
             f"{results['machine']}; load average {results['load_average'][0]:.1f} before, "
             f"{results['load_average'][1]:.1f} after.{results['note']}", "",
             "| server | processes | users | handshakes | echoes | held at once | errors | connect ms, mean / max | "
             "handshake ms | echo ms | CPU us a user | bytes a connection | PSS MB: before | full | afterwards |",
             "|---|" + "---:|" * 14]
    for name, row in results["rows"].items():
        if "error" in row:
            lines.append(f"| {name} | {row['error']} |" + " |" * 13)
            continue
        errors = ", ".join(f"{key} {count:,}" for key, count in row["errors"].items()) or "0"
        times = [f"{took['mean']:.2f} / {took['max']:.0f}" if (took := row[key]) else "–"
                 for key in ("connect_ms", "open_ms", "message_ms")]
        lines.append("| " + " | ".join((
            name, str(row["workers"]), f"{row['users']:,}", f"{row['connected']:,}", f"{row['answered']:,}",
            f"{row['held']:,}", errors, *times, f"{row['cpu_each_us']:.0f}", f"{row['bytes_each']:,.0f}",
            *(f"{row[key] / MIB:.0f}" for key in ("base", "full", "left")))) + " |")
    return "\n".join(lines) + "\n"


def svg(results):
    """Memory and CPU of a connection."""
    rows = {name: row for name, row in results["rows"].items() if "error" not in row}

    def bars(key):
        return sorted(((name, row[key], f"{row[key]:,.0f}") for name, row in rows.items()),
                      key=lambda bar: bar[1])
    return panels(f"{results['users']:,} WebSockets by {results['tsung']}", [
        f"{results['rate']:,} new users a second; each connects, sends a message, gets it back and stays. "
        "Shorter is better.", results["machine"] + ". ./dev bench tsung"], [
            ("User memory of a connection, bytes", bars("bytes_each")),
            ("CPU of its opening and its message, microseconds", bars("cpu_each_us"))],
                  lambda shown: max(1.05 * shown[-1][1], 1))


def main():
    """Measures, writes, prints."""
    options = arguments()
    if not shutil.which("tsung"):
        sys.exit("bench_tsung: not installed: tsung (apt install tsung)")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / RESULT
    results = json.loads(file.read_text()) if options.draw else measured(options)
    file.write_text(json.dumps(results, indent=1))
    (options.out / "tsung.md").write_text(markdown(results))
    if any("error" not in row for row in results["rows"].values()):
        (options.out / "tsung.svg").write_text(svg(results))
    print(markdown(results))
    if failed := [name for name, row in results["rows"].items() if "error" in row]:
        sys.exit(f"bench_tsung: not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
