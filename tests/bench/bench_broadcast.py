#!/usr/bin/env python3
"""One sender, many receivers: how soon all have the message, and what a delivery costs.

    python3 -m tests.bench.bench_broadcast --out DIRECTORY [--rounds 2] [--quick]
        [--peers sockherd,"node ws"] [--cases 10k,100k,redis] [--draw]

The room "10k" is in one process of each server; the room "100k" in all of seven, for a process may have 20,000
descriptors: there only who has a room in all its processes takes part. The receivers are sockherdctl bench ws, in
processes on the same two CPUs, with a source address each; a delay is from the moment when a message was due to its
arrival in their hands. Rounds are interleaved, figures are medians. Missing: deliveries that there should have been.

"redis": two sockherds, each in a network namespace of its own with half of the receivers, on one bus through a
Redis that is killed in the middle of the messages and comes back: what the other machine's receivers missed,
beside what the counters of drops say.

The build is the one SOCKHERD_BIN_DIR points to; take a release build. Writes broadcast.json (all runs),
broadcast.md and broadcast.svg, and prints the tables.
"""
import json
import os

from tests.bench import command_line
from tests.bench.peers.websockets import WEB_SOCKET_PEERS
from tests.bench.engine.rounds import say
from tests.bench.websockets import broadcast, broadcast_report, machines
from tests.bench.websockets.cases import BROADCASTS
from tests.bench.websockets.machine import machine
from tests.support import namespaces

RESULT = "broadcast.json"
REDIS, ON_EACH, SECONDS = "redis", 5000, 5
CASES = (*BROADCASTS, REDIS)


def measured(options):
    """Everything."""
    results = {**machine(), "rounds": options.rounds}
    results["runs"] = broadcast.play({name: WEB_SOCKET_PEERS[name] for name in options.peers},
                                     [BROADCASTS[name] for name in options.cases if name != REDIS], options.rounds)
    results["versions"] = {name: run["version"] for peers in results["runs"].values()
                           for name, runs in peers.items() for run in runs if "version" in run}
    if REDIS in options.cases:
        say("two machines and a Redis")
        if namespaces.can_make():
            results[REDIS] = machines.measure(ON_EACH, SECONDS)
        else:
            results["note"] += " Without redis: network namespaces need root."
    results["load_average"].append(os.getloadavg()[0])
    return results


def main():
    """Measures, writes, prints."""
    parser = command_line.parser(__doc__, CASES, WEB_SOCKET_PEERS, rounds=2, seconds=None)
    options = command_line.parse(parser, CASES, WEB_SOCKET_PEERS)
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / RESULT
    results = json.loads(file.read_text()) if options.draw else measured(options)
    results["summary"] = broadcast_report.summarize(results["runs"])
    file.write_text(json.dumps(results, indent=1))
    text = "\n".join([broadcast_report.markdown(results), *(machines.markdown(results[REDIS]) if REDIS in results else ())])
    (options.out / "broadcast.md").write_text(text)
    if any(results["summary"].values()):
        (options.out / "broadcast.svg").write_text(broadcast_report.svg(results))
    print(text)


if __name__ == "__main__":
    main()
