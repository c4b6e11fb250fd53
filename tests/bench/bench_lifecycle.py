#!/usr/bin/env python3
"""What each action on a server costs its clients: sockherd beside nginx, HAProxy and Puma.

    python3 -m tests.bench.bench_lifecycle --out DIRECTORY --debs build/deb --hammer PATH [--quick]

Boots a Debian 12 with real systemd and all the systems in it, each run by its unit as shipped
(Puma: the units of its documentation, socket activation included). For every row the system begins
afresh with four workers (HAProxy: four threads); then the action is done again and again while all
kinds of clients are at it at once: a connection per request; keep-alive with pauses of up to 300 ms;
clients that send their request 50-300 ms after connecting; answers that take four seconds. 1,200 new
connections a second at most, and clients learn 20 ms late that an idle connection was closed. In one
row they are clients of another kind: a TCP of our own that answers the SYN-ACK after 100-300 ms.

Lost: refused, reset, ended before the whole answer, or no answer within 5 s. Where a process is
killed with kill -9 (or hangs until it is), what it had accepted dies with it: the victim stands still
(SIGSTOP) while that is counted, so "held" is exact, and only what is lost beyond it is the fault of
the system.

/plaintext is the same 13 bytes everywhere. The answer that takes four seconds holds up no process:
ours and nginx (echo module) by a timer, HAProxy by a Lua service, Puma by a sleeping thread of 32 a
worker. Workers are scaled by what each system has for it: a request to the admin port; a changed
configuration and a reload (nginx workers, HAProxy threads); TTIN and TTOU (Puma). nginx' unit does
not start a killed master again, so we do, at once. The others get StartLimitIntervalSec=0, since only
a bench restarts a server so often, and they would end in "failed" after five times. An empty cell was
not measured: the row is about something of ours, or nobody has written that action for that system.

Needs root. Writes lifecycle.json, lifecycle.md and lifecycle.svg.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import sys

from tests.bench.lifecycle import picture, report
from tests.system import container, debs, tree
from tests.system.run import install

PACKAGES = ["nginx-light", "libnginx-mod-http-echo", "haproxy", "puma", "ruby-sd-notify"]
RESULT = "lifecycle.json"


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="directory of the results")
    parser.add_argument("--debs", type=pathlib.Path, help="what ./dev deb has built: what is measured, and the next")
    parser.add_argument("--hammer", type=pathlib.Path, help="the load generator")
    parser.add_argument("--quick", action="store_true", help="5 actions a row, 100 reloads")
    parser.add_argument("--actions", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=40, help="a row of a peer takes no longer")
    parser.add_argument("--reloads", type=int, default=1000)
    parser.add_argument("--systems", default="", help="comma-separated; default: all")
    parser.add_argument("--rows", default="", help="comma-separated; default: all")
    parser.add_argument("--draw", action="store_true", help="only table and picture, from the JSON")
    return parser.parse_args()


def measure(options):
    """Boots, runs, and returns what inside.py left."""
    actions, seconds, reloads = ((5, 15, 100) if options.quick else
                                 (options.actions, options.seconds, options.reloads))
    package = debs.find(options.debs)
    with tree.throwaway(tree.ensure_cached(PACKAGES + debs.dependencies(package))) as root:
        install(root, package, is_bare=False)
        container.install_tests(root, options.hammer.resolve())
        container.install_service(
            root, f"python3 -m tests.bench.lifecycle.inside --out {RESULT} --actions {actions} "
            f"--seconds {seconds} --reloads {reloads} --systems \"{options.systems}\" "
            f"--rows \"{options.rows}\"")
        print(f"booting; progress: {root / container.HOME}/output", file=sys.stderr, flush=True)
        try:
            _, output = container.boot(root, seconds=4 * 3600)
            print(output)
        finally:
            result = root / container.HOME / RESULT
            if result.exists():
                shutil.copy2(result, options.out / RESULT)
    return json.loads((options.out / RESULT).read_text())


def merged(old, new):
    """What was measured now, within what was measured before."""
    old["systems"].update(new["systems"])
    old["sockherd"].update({k: v for k, v in new["sockherd"].items() if v})
    for row, cells in new["cells"].items():
        old["cells"].setdefault(row, {}).update(cells)
    return old


def main():
    """Runs, writes, prints."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / RESULT
    if options.draw:
        results = json.loads(file.read_text())
    else:
        before = os.getloadavg()[0]
        file_before = json.loads(file.read_text()) if file.exists() else None
        results = measure(options)
        if file_before and (options.rows or options.systems):
            results = merged(file_before, results)
        kernel = platform.release().split("-")[0]
        results["machine"] = f"Linux {kernel}, {os.cpu_count()} CPUs shared with the clients"
        results["load_average"] = [before, os.getloadavg()[0]]
        file.write_text(json.dumps(results, indent=1))
    (options.out / "lifecycle.md").write_text(report.markdown(results))
    (options.out / "lifecycle.svg").write_text(picture.svg(results))
    print(report.markdown(results))
    errors = [f"{row}, {name}" for row, cells in results["cells"].items()
              for name, cell in cells.items() if "error" in cell]
    if errors:
        sys.exit(f"bench_lifecycle: not measured: {'; '.join(errors)}")


if __name__ == "__main__":
    try:
        main()
    except (tree.TreeError, container.ContainerError, debs.PackagesMissing) as error:
        sys.exit(f"bench_lifecycle: {error}")
