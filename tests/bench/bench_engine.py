#!/usr/bin/env python3
"""What a request costs sockherd, beside other servers and beside one that parses nothing.

    python3 -m tests.bench.bench_engine --out DIRECTORY [--rounds 3] [--seconds 4] [--quick]
        [--peers sockherd,nginx] [--cases plain64,short,memory] [--draw]
        [--with 'max_requests = 1000'] [--before OTHER/build/release/bin]

All have two processes (h2o, HAProxy: threads) and share the machine with wrk, on loopback. Rounds are
interleaved, and each run stands between two runs of the ceiling (tests/bench/ceiling), which counts the
empty lines in what it reads and answers a constant of the same size: a ratio is to the mean of those
two, and the figure is the median of the ratios. CPU is user and system time of all processes of a
server, its supervisor and admin process included, over the requests that were answered: the figure to
trust where generator and server share the cores. The case "memory":
what 10,000 keep-alive connections add to one worker, and PSS of all processes after load.

What a change of ours is worth: --with adds a peer that has further lines in its pool, --before one that is
another build, as of the commit before.

Who cannot do a case is left out of it: node, Crystal, Puma and HAProxy serve no files here. h2o and
lighttpd have nothing but files, so theirs are files in all cases. A peer that is not installed, or an
option that this build does not have, is left out and said so. Errors are those of wrk: it also counts a
connection that is closed without "Connection: close" in the answer, as Crystal does with short ones.

The build is the one SOCKHERD_BIN_DIR points to; take a release build. Writes engine.json (all runs),
engine.md and engine-*.svg, and prints the tables.
"""
import contextlib
import json
import os
import pathlib
import platform
import shutil
import sys

from tests.bench import command_line
from tests.bench.engine import memory, picture, report, rounds
from tests.bench.engine.cases import CASES
from tests.bench.peers import PEERS, PROCESSES, NotHere
from tests.bench.peers.sockherd import variant

BUSY = 1.0  # load average from which on others are at work here
MEMORY = "memory"
RESULT = "engine.json"


def arguments():
    """The command line."""
    parser = command_line.parser(__doc__, (*CASES, MEMORY), PEERS)
    parser.add_argument("--with", dest="lines", action="append", default=[], metavar="LINE",
                        help="one more sockherd, with this in its pool; may be repeated")
    parser.add_argument("--before", type=pathlib.Path, metavar="DIRECTORY",
                        help="one more sockherd, of the build in that directory")
    options = command_line.parse(parser, (*CASES, MEMORY), PEERS)
    options.peers += added(options)
    return options


def added(options):
    """The names of the peers that were made up on the command line."""
    kinds = [variant(f"sockherd {line}", pool=line) for line in options.lines]
    if options.before:
        kinds.append(variant("sockherd before", programs=options.before.resolve()))
    PEERS.update((kind.name, kind) for kind in kinds)
    return [kind.name for kind in kinds]


def load(options, results):
    """The cases with requests, all peers up at once."""
    cases = [CASES[name] for name in options.cases if name != MEMORY]
    if not cases:
        return
    names = dict.fromkeys([*options.peers, rounds.REFERENCE])
    with contextlib.ExitStack() as stack:
        peers = {}
        for name in names:
            try:
                peers[name] = stack.enter_context(
                    PEERS[name](PROCESSES, max(case.connections for case in cases)))
            except NotHere as missing:
                leave_out(results, name, missing)
                continue
            results["versions"][name] = peers[name].version()
        results["runs"] = rounds.play(peers, cases, options.rounds, options.seconds)
    results["summary"] = report.summarize(results["runs"])


def leave_out(results, name, why):
    """Said at once, and in the report."""
    rounds.say(f"bench_engine: without {name}: {why}")
    words = f" Without {name}: {why}."
    results["note"] += "" if words in results["note"] else words


def footprints(options, results):
    """The case "memory", one peer after the other."""
    if MEMORY not in options.cases:
        return
    for name in options.peers:
        if not PEERS[name].idle:
            continue
        rounds.say(f"{MEMORY}: {name}")
        try:
            results[MEMORY][name] = memory.measure(PEERS[name])
            results["versions"].setdefault(name, results[MEMORY][name]["version"])
        except NotHere as missing:
            leave_out(results, name, missing)
        except (OSError, memory.NothingOpened) as error:
            results[MEMORY][name] = {"error": str(error)}


def measured(options):
    """Everything."""
    kernel = platform.release().split("-")[0]
    before = os.getloadavg()[0]
    results = {"machine": f"Linux {kernel}, {os.cpu_count()} CPUs shared with wrk", "versions": {},
               "rounds": options.rounds, "seconds": options.seconds, "note": "", "runs": {},
               "summary": {}, MEMORY: {}}
    if before > BUSY:
        results["note"] = (f" Others were at work on this machine (load average {before:.1f} at the start): "
                           "trust the ratios of CPU.")
        rounds.say(f"bench_engine: note:{results['note']}")
    load(options, results)
    footprints(options, results)
    results["load_average"] = [before, os.getloadavg()[0]]
    return results


def main():
    """Measures, writes, prints."""
    options = arguments()
    if not shutil.which("wrk"):
        sys.exit("bench_engine: not installed: wrk (apt install wrk)")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / RESULT
    results = json.loads(file.read_text()) if options.draw else measured(options)
    file.write_text(json.dumps(results, indent=1))
    (options.out / "engine.md").write_text(report.markdown(results))
    for name, svg in picture.pictures(results).items():
        (options.out / name).write_text(svg)
    print(report.markdown(results))


if __name__ == "__main__":
    main()
