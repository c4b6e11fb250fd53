"""One server with a full room: how long a message takes to be with everybody, and how many a second are."""
import os
import time

from tests.bench.engine.rounds import say
from tests.bench.engine.wrk import LoadFailed
from tests.bench.peers import NotHere
from tests.bench.peers.websockets import ROOM
from tests.bench.websockets import client
from tests.support.wait import NotReached

BURST_RATE = 10_000  # a second: all of them at once


def play(kinds, cases, rounds):
    """{case: {peer: [run, ...]}}; one server at a time is up, for a full room needs the machine."""
    results = {case.name: {name: [] for name, kind in kinds.items() if takes_part(kind, case)} for case in cases}
    for number in range(1, rounds + 1):
        for case in cases:
            say(f"round {number} of {rounds}: {case.title}")
            for name, runs in results[case.name].items():
                run = attempt(kinds[name], case)
                runs.append(run)
                say(f"  {name}: {run.get('error') or summary(run)}")
    return results


def takes_part(kind, case):
    """Whose room is in one process only is measured with one."""
    return case.workers == 1 or kind.room_of_all


def summary(run):
    """In a line."""
    return (f"{run['receivers']:,} in; p99 {run['alone']['p99_ms']:.0f} ms; {run['full']['rate']:,.0f} deliveries/s, "
            f"{run['full']['cpu']:.2f} s of CPU a million")


def attempt(kind, case):
    """A failure is a result."""
    noted = {"at": round(time.time()), "load_average": os.getloadavg()[0]}
    try:
        return {**measure(kind, case), **noted}
    except (NotHere, NotReached, LoadFailed, OSError) as error:
        return {"error": str(error).splitlines()[0], **noted}


def measure(kind, case):
    """One run. Each half opens the room anew."""
    with kind(case.workers, case.receivers) as peer:
        options = ("--receive", "--connections", case.receivers, "--size", case.size, "--timeout", "60s")
        alone = client.bench(peer, ROOM, *options, "--rate", 1 / case.apart, "--count", case.messages)
        full = client.bench(peer, ROOM, *options, "--rate", BURST_RATE, "--count", case.burst)
        return {"version": peer.version(), "receivers": full["connections"]["open_at_run"],
                "open_s": alone["connections"]["seconds"], "missing": alone["missing"] + full["missing"],
                "errors": alone["errors"] + full["errors"], "alone": client.figures(alone),
                "full": client.figures(full), "burst": case.burst}
