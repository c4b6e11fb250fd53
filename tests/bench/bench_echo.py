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
import contextlib
import json
import os

from tests.bench import command_line
from tests.bench.peers import PROCESSES
from tests.bench.peers.websockets import WEB_SOCKET_PEERS
from tests.bench.websockets import echo, echo_report, rounds
from tests.bench.websockets.cases import ECHOES
from tests.bench.websockets.machine import machine

RESULT = "echo.json"


def measured(options):
    """Everything, with all peers up at once."""
    results = {**machine(), "versions": {}, "rounds": options.rounds, "seconds": options.seconds}
    with contextlib.ExitStack() as stack:
        kinds = {name: WEB_SOCKET_PEERS[name] for name in options.peers}
        peers = rounds.all_up(stack, kinds, PROCESSES, results)
        results["runs"] = rounds.play(peers, [ECHOES[name] for name in options.cases], options.rounds,
                                      options.seconds, echo.measure)
    results["load_average"].append(os.getloadavg()[0])
    return results


def main():
    """Measures, writes, prints."""
    options = command_line.parse(command_line.parser(__doc__, ECHOES, WEB_SOCKET_PEERS), ECHOES, WEB_SOCKET_PEERS)
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
