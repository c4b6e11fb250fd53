"""One run of echoes, and what it cost the server."""
from tests.bench.engine import costs
from tests.bench.peers.websockets import ECHO
from tests.bench.websockets import client

FIGURES = ("rate", "cpu", "cpu_user", "p50_ms", "p99_ms", "pss")
CLIENTS = 2  # processes


def measure(peer, case, seconds, warm):
    """One measured run; after a short one that is not measured, unless the peer is warm."""
    options = ("--connections", case.connections, "--size", case.size, "--processes", CLIENTS)
    if not warm:
        client.bench(peer, ECHO, *options, "--duration", "1s")
    report = client.bench(peer, ECHO, *options, "--duration", f"{seconds}s")
    return {**client.figures(report), "messages": report["answered"],
            "client": report["client_cpu"]["busiest"], "pss": costs.memory(peer.pids())["pss"]}
