#!/usr/bin/env python3
"""What a message costs that comes back: sockherd's WebSockets beside those of others.

    python3 -m tests.bench.bench_echo --out DIRECTORY [--rounds 3] [--seconds 4] [--quick]
        [--peers sockherd,crystal] [--cases 32x64,4kx512] [--draw]

All have two processes and share the machine with the client, on loopback. A connection sends its next message
when the one before came back, so the rate is that of a busy server and p50 and p99 are those of a full queue.
Rounds are interleaved; figures are medians, ratios are to sockherd (epoll) in the same round. CPU is user and
system time of all processes of a server, its supervisor included, over the messages that came back: the figure to
trust where client and server share the cores. Nobody compresses.

A peer that is not installed is left out and said so. The build is the one SOCKHERD_BIN_DIR points to; take a
release build. Writes echo.json (all runs), echo.md and echo.svg, and prints the tables.
"""
import argparse
import contextlib
import json
import os
import pathlib

from tests.bench.engine.rounds import say
from tests.bench.peers import PROCESSES, NotHere
from tests.bench.peers.websockets import WEB_SOCKET_PEERS
from tests.bench.websockets import echo, echo_report, rounds
from tests.bench.websockets.cases import ECHOES
from tests.bench.websockets.machine import machine

RESULT = "echo.json"


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="directory of the results")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of one measured run")
    parser.add_argument("--peers", default=",".join(WEB_SOCKET_PEERS), help="comma-separated; default: all")
    parser.add_argument("--cases", default=",".join(ECHOES), help="comma-separated; default: all")
    parser.add_argument("--quick", action="store_true", help="one round of two seconds")
    parser.add_argument("--draw", action="store_true", help="only tables and picture, from the JSON")
    options = parser.parse_args()
    options.peers, options.cases = options.peers.split(","), options.cases.split(",")
    for known, given in ((WEB_SOCKET_PEERS, options.peers), (ECHOES, options.cases)):
        if unknown := set(given) - set(known):
            parser.error(f"not known: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if options.quick:
        options.rounds, options.seconds = 1, 2
    return options


def measured(options):
    """Everything, with all peers up at once."""
    results = {**machine(), "versions": {}, "rounds": options.rounds, "seconds": options.seconds}
    with contextlib.ExitStack() as stack:
        peers = {}
        for name in options.peers:
            try:
                peers[name] = stack.enter_context(WEB_SOCKET_PEERS[name](PROCESSES))
                results["versions"][name] = peers[name].version()
            except NotHere as missing:
                say(f"bench_echo: without {name}: {missing}")
                results["note"] += f" Without {name}: {missing}."
        results["runs"] = rounds.play(peers, [ECHOES[name] for name in options.cases], options.rounds,
                                      options.seconds, echo.measure)
    results["load_average"].append(os.getloadavg()[0])
    return results


def main():
    """Measures, writes, prints."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / RESULT
    results = json.loads(file.read_text()) if options.draw else measured(options)
    results["summary"] = echo_report.summarize(results["runs"])
    file.write_text(json.dumps(results, indent=1))
    (options.out / "echo.md").write_text(echo_report.markdown(results))
    (options.out / "echo.svg").write_text(echo_report.svg(results))
    print(echo_report.markdown(results))


if __name__ == "__main__":
    main()
