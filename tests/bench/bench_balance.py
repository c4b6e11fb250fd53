#!/usr/bin/env python3
"""How evenly connections are spread over four workers, in every mode, and what that is worth.

    python3 -m tests.bench.bench_balance --out DIRECTORY [--seconds 10] [--bursts 12]

Even: the open connections of the busiest worker to the mean of all, as the kernel has them, while 64
and 256 connections are kept open that each live a random time ("steady"), and after so many were
opened at once ("burst"). Worth: the p99 of short requests at a fixed rate while one worker is held up
for 20 ms of every 25 by four clients, as by a handler that computes. Nginx beside it, with the same
measure.

The build is the one SOCKHERD_BIN_DIR points to. Writes balance.json and balance.md, and prints the
tables.
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import statistics
import sys

from tests.bench.balance_load import burst, busy_worker, latencies, steady
from tests.bench.peers import Nginx, Sockherd

WORKERS = 4
CONNECTIONS = (64, 256)
RATE = 300  # short requests a second


class LeastConnections(Sockherd):
    """eBPF."""

    name = "sockherd least-connections"
    listener = 'balance = "least-connections"'


class Hash(Sockherd):
    """The kernel's."""

    name = "sockherd hash"
    listener = 'balance = "hash"'


class Cpu(Sockherd):
    """Of the packet: on loopback that of the client, and this one has one thread."""

    name = "sockherd cpu"
    listener = 'balance = "cpu"'


class NginxReuseport(Nginx):
    """One socket a worker, the kernel's hash."""

    name = "nginx reuseport"


PEERS = (LeastConnections, Hash, Cpu, NginxReuseport)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="directory of the results")
    parser.add_argument("--seconds", type=float, default=10, help="of one steady or mixed run")
    parser.add_argument("--bursts", type=int, default=12)
    return parser.parse_args()


def in_force(peer):
    """What the kernel does; a build without CAP_BPF must not pass its hash off as something else."""
    if not isinstance(peer, Sockherd):
        return None
    listed = json.loads(peer.daemon.ctl("listeners", "--json", check=0).stdout)["listeners"]
    return listed[0]["balance_in_force"]


def spread(peer, options):
    """{"steady 64": {"mean": …, "worst": …}, …} of max/mean."""
    found = {}
    for count in CONNECTIONS:
        for name, ratios in ((f"steady {count}", steady(peer, count, options.seconds)),
                             (f"burst {count}", burst(peer, count, options.bursts))):
            found[name] = {"mean": statistics.mean(ratios), "worst": max(ratios)}
            print(f"{peer.name}: {name}: {found[name]['mean']:.3f}", file=sys.stderr, flush=True)
    return found


def mixed(peer, options):
    """{"idle": {p50, p99}, "busy": …} in milliseconds."""
    found = {}
    for name, context in (("idle", contextlib.nullcontext()), ("busy", busy_worker(peer))):
        with context:
            times = latencies(peer.address, RATE, options.seconds)
        cuts = statistics.quantiles(times, n=100)
        found[name] = {"p50_ms": cuts[49] * 1e3, "p99_ms": cuts[98] * 1e3, "requests": len(times)}
        print(f"{peer.name}: {name}: {found[name]}", file=sys.stderr, flush=True)
    return found


def tables(results):
    """Markdown."""
    cases = [f"{kind} {count}" for kind in ("steady", "burst") for count in CONNECTIONS]
    lines = [f"| max/mean over {WORKERS} workers | " +
             " | ".join(f"{case}: mean / worst" for case in cases) + " |",
             "|---|" + "---:|" * len(cases)]
    for name, result in results.items():
        cells = [f"{row['mean']:.3f} / {row['worst']:.2f}"
                 for row in (result["spread"][case] for case in cases)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", f"| {RATE} requests/s | p50 ms | p99 ms | one worker busy: p50 ms | p99 ms |",
              "|---|---:|---:|---:|---:|"]
    for name, result in results.items():
        idle, busy = result["mixed"]["idle"], result["mixed"]["busy"]
        lines.append(f"| {name} | {idle['p50_ms']:.2f} | {idle['p99_ms']:.2f} | "
                     f"{busy['p50_ms']:.2f} | {busy['p99_ms']:.2f} |")
    return "\n".join(lines) + "\n"


def main():
    """Runs, writes, prints."""
    options = arguments()
    if not shutil.which("nginx"):
        sys.exit("bench_balance: not installed: nginx (apt install nginx-light)")
    results, versions = {}, {}
    for kind in PEERS:
        with kind(WORKERS) as peer:
            versions[peer.name] = peer.version()
            results[peer.name] = {"in_force": in_force(peer), "spread": spread(peer, options),
                                  "mixed": mixed(peer, options)}
    machine = f"Linux {platform.release()}, {os.cpu_count()} CPUs shared with the clients"
    subtitle = f"{', '.join(sorted(set(versions.values())))}; {machine}"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "balance.md").write_text(f"{subtitle}\n\n{tables(results)}")
    (options.out / "balance.json").write_text(json.dumps(
        {"versions": versions, "machine": machine, "load_average": os.getloadavg()[0],
         "results": results}, indent=1))
    print(f"{subtitle}\n\n{tables(results)}")
    degraded = [name for name, result in results.items()
                if result["in_force"] not in (None, name.split()[1])]
    if degraded:
        sys.exit(f"bench_balance: not in force: {', '.join(degraded)}")


if __name__ == "__main__":
    main()
