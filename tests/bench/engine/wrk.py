"""One run of wrk, and what it cost the server."""
import json
import os
import pathlib
import subprocess

from tests.bench.engine import costs

SCRIPT = str(pathlib.Path(__file__).with_name("load.lua"))
THREADS = 2


class LoadFailed(Exception):
    """wrk could not do it, or nothing was answered."""


def wrk(address, case, seconds):
    """Runs wrk; its report as a dict."""
    environment = dict(os.environ, BENCH_DEPTH=str(case.depth), BENCH_CLOSE=str(int(case.close)))
    done = subprocess.run(
        ["wrk", "-t", str(THREADS), "-c", str(case.connections), "-d", f"{seconds}s",
         "--timeout", "5s", "-s", SCRIPT, f"http://{address}{case.path}"],
        env=environment, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("BENCH ")]
    if done.returncode or not lines:
        raise LoadFailed(f"wrk: {done.stderr or done.stdout}")
    report = json.loads(lines[0].removeprefix("BENCH "))
    if not report["requests"]:
        raise LoadFailed("no request was answered")
    if report["p999_ms"] < report["p99_ms"]:  # wrk 4.1 says 0 now and then
        report["p999_ms"] = None
    return report


def measure(peer, case, seconds, warm=False):
    """One measured run; after a short one that is not measured, unless the peer is warm."""
    peer = peer.instance(case)
    if not warm:
        wrk(peer.address, case, 1)
    before = costs.cpu(peer.pids())
    run = wrk(peer.address, case, seconds)
    user, system = (now - then for now, then in zip(costs.cpu(peer.pids()), before))
    run["rate"] = run["requests"] / run["seconds"]
    run["cpu"] = (user + system) / run["requests"] * 1e6    # seconds per million requests
    run["cpu_user"] = user / run["requests"] * 1e6
    run["pss"] = costs.memory(peer.pids())["pss"]
    return run
