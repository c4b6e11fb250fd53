"""Runs in the container, as root: every row with every system, results after each as JSON."""
import argparse
import json
import pathlib
import sys
import time
import traceback

from tests.bench.lifecycle import endurance
from tests.bench.lifecycle.ours import EXTRA, Sockherd
from tests.bench.lifecycle.peers import Haproxy, Nginx, NginxReuseport, Puma
from tests.bench.lifecycle.rows import ROWS
from tests.support.hammer import FAILURES, Hammer
from tests.support.late_clients import LateLoad
from tests.support.mixed_load import MixedLoad
from tests.system.service import journal, systemctl

SYSTEMS = (Sockherd, Nginx, NginxReuseport, Haproxy, Puma)
BETWEEN = 800   # right answers between two actions
LATE_RATE = 300  # a second; this client is written in Python
CLIENTS = {"short": 16, "keepalive": 24, "slow": 32, "waiting": 16, "rate": 1200, "slow_after_ms": 1000}


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--actions", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="a row of a peer takes no longer")
    parser.add_argument("--reloads", type=int, required=True)
    parser.add_argument("--systems", default="")
    parser.add_argument("--rows", default="")
    return parser.parse_args()


def cell(system, row, options):
    """One row with one system."""
    system.begin(row)
    load = (LateLoad(system.port, LATE_RATE) if row == "late" else
            MixedLoad(system.address, **CLIENTS))
    held, done, began = 0, 0, time.monotonic()
    extra = []
    try:
        load.after(LATE_RATE)
        # Ours gets no mercy: all the actions, however long they take.
        while done < options.actions and (time.monotonic() - began < options.seconds or
                                          isinstance(system, Sockherd)):
            held += system.act(row) or 0
            done += 1
            if row == "listener":
                extra = on_extra(extra)
            load.after(BETWEEN if row != "late" else LATE_RATE)
        report = load.stop()
    finally:
        load.__exit__()
        for hammer in extra:
            hammer.__exit__()
        system.end()
    return {"actions": done, "seconds": time.monotonic() - began, "held": held,
            "lost": report.lost, "requests": report["requests"],
            "connections": report["connections"], "slow": report["slow"],
            "lost_as": {key: report[key] for key in FAILURES if report[key]},
            "lost_by": report["failed_by_kind"], "latency_ms": report["latency_ms"],
            "first_failures": report["first_failures"][:10]}


def on_extra(hammers):
    """The clients of the listener that comes and goes: once it is gone, only refusals are in order."""
    for hammer in hammers:
        report = hammer.stop()
        if report.lost != report["refused"]:
            raise AssertionError(f"lost at the removed listener: {report.summary()}")
    return [] if hammers else [Hammer(EXTRA, path="/plaintext", short=2, slow=8, rate=100)]


def main():
    """Whatever fails becomes a cell, too."""
    options = arguments()
    systemctl("disable", "--now", "nginx.service", "haproxy.service", check=False)
    results = {"systems": {}, "cells": {}, "sockherd": {}}

    def save():
        options.out.write_text(json.dumps(results, indent=1))

    def attempt(what, act):
        try:
            result = act()
        except Exception as error:  # pylint: disable=broad-except
            traceback.print_exc()
            result = {"error": f"{type(error).__name__}: {error}"[:4000]}
        print(f"{what}: {({k: v for k, v in result.items() if k != 'first_failures'})}", flush=True)
        if "first_failures" in result and result["lost"] > result["held"]:
            print(f"  {result['first_failures']}", flush=True)
            if what.startswith("sockherd"):
                print(journal(80), flush=True)
        return result

    for kind in SYSTEMS:
        system = kind()
        if options.systems and system.name not in options.systems.split(","):
            continue
        results["systems"][system.name] = system.version()
        for row, _, _ in ROWS:
            if row not in system.rows or (options.rows and row not in options.rows.split(",")):
                continue
            results["cells"].setdefault(row, {})[system.name] = attempt(
                f"{system.name}: {row}", lambda s=system, r=row: cell(s, r, options))
            save()
        if isinstance(system, Sockherd):
            if options.reloads:
                results["sockherd"]["reloads"] = attempt(
                    "reloads", lambda s=system: endurance.reloads(s, options.reloads))
            if not options.rows:
                results["sockherd"]["times"] = attempt(
                    "times", lambda s=system: endurance.times(s, 9))
            save()
    sys.exit(0)


if __name__ == "__main__":
    main()
