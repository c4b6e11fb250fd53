#!/usr/bin/env python3
"""Handlers that wait or compute: sockherd's bounded pool beside Puma's cluster.

    python3 -m tests.bench.bench_blocking --out DIRECTORY [--rounds 3] [--seconds 4] [--quick]
        [--cases cpu,burn,io,overload] [--draw]

Both have two processes with sixteen threads each, 64 connections ask. /io sleeps for 5 ms: 6,400 requests a
second is what 32 threads can do. /burn takes 2 ms of the thread's processor time, in either language: 1,000 a
second is what two CPUs can do, and Ruby's threads take turns. /cpu is a Fibonacci number by recursion, which
compares C++ to Ruby more than server to server.

"overload": /io with ten times the requests a second that its threads can do, at a fixed rate whatever comes back:
who is accepted, how long those wait (p99), what the others get and how soon, and what memory has grown by.

The build is the one SOCKHERD_BIN_DIR points to; take a release build. Writes blocking.json (all runs),
blocking.md and blocking.svg, and prints the tables.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import sys

from tests.bench import blocking
from tests.bench.engine.rounds import say
from tests.bench.peers import PROCESSES, NotHere
from tests.bench.peers.blocking import BLOCKING_PEERS, THREADS
from tests.bench.websockets import rounds
from tests.bench.websockets.machine import machine

RESULT = "blocking.json"
OVERLOAD = "overload"
CASES = (*blocking.CASES, OVERLOAD)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="directory of the results")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of one measured run")
    parser.add_argument("--cases", default=",".join(CASES), help="comma-separated; default: all")
    parser.add_argument("--quick", action="store_true", help="one round of two seconds")
    parser.add_argument("--draw", action="store_true", help="only tables and picture, from the JSON")
    options = parser.parse_args()
    options.cases = options.cases.split(",")
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"not known: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    if options.quick:
        options.rounds, options.seconds = 1, 2
    return options


def measured(options):
    """Everything, with all peers up at once."""
    results = {**machine(), "versions": {}, "rounds": options.rounds, "seconds": options.seconds,
               "threads": THREADS, OVERLOAD: {}}
    with contextlib.ExitStack() as stack:
        peers = {}
        for name, kind in BLOCKING_PEERS.items():
            try:
                peers[name] = stack.enter_context(kind(PROCESSES))
                results["versions"][name] = peers[name].version()
            except NotHere as missing:
                say(f"bench_blocking: without {name}: {missing}")
                results["note"] += f" Without {name}: {missing}."
        cases = [blocking.CASES[name] for name in options.cases if name != OVERLOAD]
        results["runs"] = rounds.play(peers, cases, options.rounds, options.seconds, blocking.measure)
    for name in peers if OVERLOAD in options.cases else ():
        say(f"overload: {name}")
        results[OVERLOAD][name] = blocking.overload(BLOCKING_PEERS[name], PROCESSES, 2 * options.seconds)
    results["load_average"].append(os.getloadavg()[0])
    return results


def main():
    """Measures, writes, prints."""
    options = arguments()
    if not shutil.which("wrk"):
        sys.exit("bench_blocking: not installed: wrk (apt install wrk)")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / RESULT
    results = json.loads(file.read_text()) if options.draw else measured(options)
    results["summary"] = blocking.summarize(results["runs"])
    file.write_text(json.dumps(results, indent=1))
    (options.out / "blocking.md").write_text(blocking.markdown(results))
    (options.out / "blocking.svg").write_text(blocking.svg(results))
    print(blocking.markdown(results))


if __name__ == "__main__":
    main()
