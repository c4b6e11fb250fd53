#!/usr/bin/env python3
"""One application of Puma: Puma's own cluster mode beside sockherd with the same number of single Pumas.

    python3 -m tests.bench.bench_foreign --out DIRECTORY [--rounds 3] [--seconds 4] [--quick]
        [--cases plaintext,10k,cpu,io] [--draw]

Two processes with five threads each, 64 connections. Memory is the PSS of all processes, the master's or ours
included, while they serve. Puma's cluster loads the application before it forks, so its workers share memory;
processes that sockherd starts do not.

The build is the one SOCKHERD_BIN_DIR points to; take a release build. Writes foreign.json (all runs), foreign.md and
foreign.svg, and prints the tables.
"""
import contextlib
import json
import os
import shutil
import sys

from tests.bench import blocking, command_line, foreign
from tests.bench.peers import PROCESSES
from tests.bench.peers.foreign import FOREIGN_PEERS
from tests.bench.websockets import rounds
from tests.bench.websockets.machine import machine

RESULT = "foreign.json"


def measured(options):
    """Everything, with all peers up at once."""
    results = {**machine(), "versions": {}, "rounds": options.rounds, "seconds": options.seconds}
    with contextlib.ExitStack() as stack:
        kinds = {name: FOREIGN_PEERS[name] for name in options.peers}
        peers = rounds.all_up(stack, kinds, PROCESSES, results)
        cases = [foreign.CASES[name] for name in options.cases]
        results["runs"] = rounds.play(peers, cases, options.rounds, options.seconds, blocking.measure)
    results["load_average"].append(os.getloadavg()[0])
    return results


def main():
    """Measures, writes, prints."""
    options = command_line.parse(command_line.parser(__doc__, foreign.CASES, FOREIGN_PEERS), foreign.CASES,
                                 FOREIGN_PEERS)
    if not shutil.which("wrk"):
        sys.exit("bench_foreign: not installed: wrk (apt install wrk)")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / RESULT
    results = json.loads(file.read_text()) if options.draw else measured(options)
    results["summary"] = blocking.summarize(results["runs"])
    file.write_text(json.dumps(results, indent=1))
    (options.out / "foreign.md").write_text(foreign.markdown(results))
    (options.out / "foreign.svg").write_text(foreign.svg(results))
    print(foreign.markdown(results))


if __name__ == "__main__":
    main()
