"""One server under tsung: who got in, what each connection is worth in memory, who got out."""
import os
import subprocess
import time

from tests.bench.engine import costs
from tests.bench.engine.rounds import say
from tests.bench.websockets.tsung import Scenario, Tsung
from tests.support.wait import until

PER_WORKER = 16_000  # connections; the kernel's hash is not exact, and 20,000 descriptors are
HOLD = 600           # seconds: until tsung is ended
PATIENCE = 5         # how many times as long as planned their coming may take
SETTLE = 3.0


def workers_for(users):
    """How many processes the server needs."""
    return max(2, -(-users // PER_WORKER))


def measure(kind, users, rate):
    """{"connected", "errors", ...} of one server."""
    ramp = users // rate
    with kind(workers_for(users), users) as peer:
        base = costs.memory(peer.pids())
        before = costs.cpu(peer.pids())
        scenario = Scenario(peer.address, users, rate, hold=PATIENCE * ramp + HOLD)
        began = time.monotonic()
        with Tsung(scenario) as tsung:
            until(lambda: came(tsung, users), "the last of tsung's users has come", PATIENCE * ramp + 60,
                  explain=lambda: f"{tsung.stats()}\n{tsung.output()}")
            if tsung.ended():
                raise OSError(f"tsung has given up: {tsung.output().strip()}")
            opened = time.monotonic() - began
            time.sleep(SETTLE)
            held = established(peer.address)
            full = costs.memory(peer.pids())
            used = sum(now - then for now, then in zip(costs.cpu(peer.pids()), before))
            say(f"  {peer.name}: {held:,} open after {opened:.0f} s")
            stats = tsung.stats()
        until(lambda: not established(peer.address), "the server has let go of all", 60)
        return {"version": peer.version(), "workers": workers_for(users), "users": stats.count("users_count"),
                "held": held, "connected": stats.count("websocket_succ"), "errors": stats.errors(),
                "connect_ms": stats.milliseconds("connect"), "open_ms": stats.milliseconds("tr_open"),
                "message_ms": stats.milliseconds("tr_message"), "answered": stats.count("tr_message"),
                "opened_s": opened, "cpu_each_us": used / max(held, 1) * 1e6, "base": base["pss"],
                "full": full["pss"], "left": costs.memory(peer.pids())["pss"], "vms": scenario.vms,
                "bytes_each": (full["pss"] - base["pss"]) / max(held, 1),
                "load_average": os.getloadavg()[0]}


def came(tsung, users):
    """Whether all are there, or it has given up."""
    stats = tsung.stats()
    return tsung.ended() or stats.count("users_count") >= users and stats.count("tr_message") + sum(
        stats.errors().values()) >= users


def established(address):
    """Connections to it, as the kernel has them. Its address, too: a client may have the same port."""
    return len(subprocess.run(["ss", "-tnH", "state", "established", f"src = {address}"], check=True, text=True,
                              capture_output=True).stdout.splitlines())


def version():
    """Of tsung."""
    listed = subprocess.run(["tsung", "-v"], capture_output=True, text=True, check=False)
    return "tsung " + (listed.stdout + listed.stderr).strip().split()[-1]
