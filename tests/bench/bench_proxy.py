#!/usr/bin/env python3
"""The proxy beside nginx as a reverse proxy, in front of the same upstreams.

    python3 -m tests.bench.bench_proxy --out DIRECTORY [--rounds 3] [--seconds 4] [--quick]
        [--peers sockherd,nginx] [--cases small,10k,1m,slow] [--draw]

Two processes each; the upstreams are workers of our own engine, and share the machine with wrk and the proxies. So
requests a second say what all of them need together, and CPU a request what the proxy does: user and system time of
all its processes. In the case "slow", one of four upstreams is a program of one thread that takes 20 ms for each
request; nginx is there with its round robin and with least_conn.

The build is the one SOCKHERD_BIN_DIR points to; take a release build. Writes proxy.json (all runs), proxy.md and
proxy.svg, and prints the tables.
"""
import contextlib
import json
import os
import shutil
import sys

from tests.bench import blocking, command_line, proxies
from tests.bench.peers import PROCESSES
from tests.bench.peers.proxies import PROXIES, Upstreams, of
from tests.bench.websockets import rounds
from tests.bench.websockets.machine import machine

RESULT = "proxy.json"


def measured(options):
    """Everything, with all proxies up at once."""
    results = {**machine(), "versions": {}, "rounds": options.rounds, "seconds": options.seconds}
    with contextlib.ExitStack() as stack:
        upstreams = stack.enter_context(Upstreams())
        peers = rounds.all_up(stack, of(upstreams, options.peers), PROCESSES, results)
        cases = [proxies.CASES[name] for name in options.cases]
        results["runs"] = rounds.play(peers, cases, options.rounds, options.seconds, blocking.measure)
    results["load_average"].append(os.getloadavg()[0])
    return results


def main():
    """Measures, writes, prints."""
    options = command_line.parse(command_line.parser(__doc__, proxies.CASES, PROXIES), proxies.CASES, PROXIES)
    if not shutil.which("wrk"):
        sys.exit("bench_proxy: not installed: wrk (apt install wrk)")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / RESULT
    results = json.loads(file.read_text()) if options.draw else measured(options)
    results["summary"] = blocking.summarize(results["runs"])
    file.write_text(json.dumps(results, indent=1))
    (options.out / "proxy.md").write_text(proxies.markdown(results))
    (options.out / "proxy.svg").write_text(proxies.svg(results))
    print(proxies.markdown(results))


if __name__ == "__main__":
    main()
