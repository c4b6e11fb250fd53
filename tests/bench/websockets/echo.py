"""One run of echoes, and what it cost the server."""
import json
import subprocess
import sys

from tests.bench.engine import costs
from tests.bench.engine.wrk import LoadFailed

CLIENTS = 2  # processes
FIGURES = ("rate", "cpu", "cpu_user", "p50_ms", "p99_ms", "pss")


def measure(peer, case, seconds, warm):
    """One measured run; after a short one that is not measured, unless the peer is warm."""
    if not warm:
        echoes(peer.address, case, 1)
    before = costs.cpu(peer.pids())
    run = echoes(peer.address, case, seconds)
    user, system = (now - then for now, then in zip(costs.cpu(peer.pids()), before))
    run["cpu"] = (user + system) / run["messages"] * 1e6  # seconds per million messages
    run["cpu_user"] = user / run["messages"] * 1e6
    run["pss"] = costs.memory(peer.pids())["pss"]
    return run


def echoes(address, case, seconds):
    """Runs the client; its report."""
    clients = [subprocess.Popen(
        [sys.executable, "-m", "tests.bench.websockets.echo_client", address, str(case.connections // CLIENTS),
         str(case.size), str(seconds)], stdout=subprocess.PIPE) for _ in range(CLIENTS)]
    reports = [json.loads(client.communicate()[0] or "null") for client in clients]
    if not all(report and report["messages"] for report in reports):
        raise LoadFailed("nothing came back")
    messages = sum(report["messages"] for report in reports)
    return {"messages": messages, "rate": messages / max(report["seconds"] for report in reports),
            "errors": sum(report["errors"] for report in reports),
            "p50_ms": max(report["p50_ms"] for report in reports),
            "p99_ms": max(report["p99_ms"] for report in reports)}
