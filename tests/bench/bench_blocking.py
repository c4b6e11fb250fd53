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
import contextlib
import json
import os
import shutil
import sys

from tests.bench import blocking, command_line
from tests.bench.engine.rounds import say
from tests.bench.peers import PROCESSES
from tests.bench.peers.blocking import BLOCKING_PEERS, THREADS
from tests.bench.websockets import rounds
from tests.bench.websockets.machine import machine

RESULT = "blocking.json"
OVERLOAD = "overload"
CASES = (*blocking.CASES, OVERLOAD)


def measured(options):
    """Everything, with all peers up at once."""
    results = {**machine(), "versions": {}, "rounds": options.rounds, "seconds": options.seconds,
               "threads": THREADS, OVERLOAD: {}}
    with contextlib.ExitStack() as stack:
        peers = rounds.all_up(stack, BLOCKING_PEERS, PROCESSES, results)
        cases = [blocking.CASES[name] for name in options.cases if name != OVERLOAD]
        results["runs"] = rounds.play(peers, cases, options.rounds, options.seconds, blocking.measure)
    for name in peers if OVERLOAD in options.cases else ():
        say(f"overload: {name}")
        results[OVERLOAD][name] = blocking.overload(BLOCKING_PEERS[name], PROCESSES, 2 * options.seconds)
    results["load_average"].append(os.getloadavg()[0])
    return results


def main():
    """Measures, writes, prints."""
    options = command_line.parse(command_line.parser(__doc__, CASES), CASES)
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
