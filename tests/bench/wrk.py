"""One run of wrk, and what it cost the server."""
import json
import os
import pathlib
import subprocess

SCRIPT = str(pathlib.Path(__file__).with_name("load.lua"))
THREADS = 2


class Workload:
    """What is asked, over how many connections, and how."""

    def __init__(self, name, title, path, connections=64, depth=1, close=False):
        self.name, self.title, self.path = name, title, path
        self.connections, self.depth, self.close = connections, depth, close


WORKLOADS = {load.name: load for load in (
    Workload("plaintext", "/plaintext, 64 connections", "/plaintext"),
    Workload("10k", "/10k, 64 connections", "/10k"),
    Workload("file", "10 KiB file, 64 connections", "/file/10k.bin"),
    Workload("pipelined", "/plaintext, 64 connections, pipelined x16", "/plaintext", depth=16),
    Workload("short", "/plaintext, a connection per request", "/plaintext", close=True),
)}


def wrk(address, load, seconds):
    """Runs wrk; its report as a dict."""
    environment = dict(os.environ, BENCH_DEPTH=str(load.depth), BENCH_CLOSE=str(int(load.close)))
    done = subprocess.run(
        ["wrk", "-t", str(THREADS), "-c", str(load.connections), "-d", f"{seconds}s",
         "--timeout", "5s", "-s", SCRIPT, f"http://{address}{load.path}"],
        env=environment, capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("BENCH "))
    return json.loads(line.removeprefix("BENCH "))


def measure(peer, load, seconds):
    """One measured run after a short warm-up."""
    wrk(peer.address, load, 1)
    before = peer.cpu_seconds()
    run = wrk(peer.address, load, seconds)
    run["cpu_seconds"] = peer.cpu_seconds() - before
    run["requests_per_second"] = run["requests"] / run["seconds"]
    run["cpu_per_million"] = run["cpu_seconds"] / run["requests"] * 1e6
    return run
