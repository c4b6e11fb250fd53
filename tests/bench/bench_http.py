#!/usr/bin/env python3
"""sockherd beside nginx and h2o under wrk, interleaved round by round, on loopback.

    python3 -m tests.bench.bench_http --out DIRECTORY [--rounds 3] [--seconds 5]

The build is the one SOCKHERD_BIN_DIR points to; take a release build. Writes http.json, http.md and
http.svg, and prints the table.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import sys

from tests.bench import plot, report
from tests.bench.peers import PEERS, PROCESSES
from tests.bench.wrk import WORKLOADS, measure


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="directory of the results")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of one measured run")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated")
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="comma-separated")
    return parser.parse_args()


def run(options):
    """All rounds: {workload: {peer: [run, ...]}}, A B C A B C."""
    loads = [WORKLOADS[name] for name in options.workloads.split(",")]
    names = options.peers.split(",")
    rounds = {load.name: {name: [] for name in names} for load in loads}
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(PEERS[name]()) for name in names]
        versions = {peer.name: peer.version() for peer in peers}
        for number in range(1, options.rounds + 1):
            for load in loads:
                for peer in peers:
                    print(f"round {number} of {options.rounds}: {load.name} {peer.name}",
                          file=sys.stderr, flush=True)
                    rounds[load.name][peer.name].append(measure(peer, load, options.seconds))
    return rounds, versions


def main():
    """Runs, writes, prints."""
    options = arguments()
    missing = [tool for tool in ("wrk", *options.peers.split(","))
               if tool != "sockherd" and not shutil.which(tool)]
    if missing:
        sys.exit(f"bench_http: not installed: {', '.join(missing)} (apt install {' '.join(missing)})")
    load = os.getloadavg()[0]
    if load > 1:
        print(f"bench_http: load average {load:.1f}: others use this machine, so trust the ratios of "
              "CPU seconds rather than the rates", file=sys.stderr)
    rounds, versions = run(options)
    summary = report.summarize(rounds)
    titles = {name: load.title for name, load in WORKLOADS.items()}
    machine = f"Linux {platform.release()}, {os.cpu_count()} CPUs shared with wrk"
    subtitle = (f"{', '.join(versions.values())}; {PROCESSES} processes each; {machine}; "
                f"medians of {options.rounds} interleaved rounds")
    options.out.mkdir(parents=True, exist_ok=True)
    table = report.table(summary, titles)
    (options.out / "http.md").write_text(f"{subtitle}\n\n{table}")
    (options.out / "http.svg").write_text(plot.svg(summary, titles, subtitle))
    (options.out / "http.json").write_text(json.dumps(
        {"versions": versions, "machine": machine, "load_average": load, "summary": summary,
         "rounds": rounds}, indent=1))
    print(f"{subtitle}\n\n{table}")


if __name__ == "__main__":
    main()
