"""One server with a full room: how long a message takes to be with everybody, and how many a second are."""
import os
import time

from tests.bench.engine import costs
from tests.bench.engine.rounds import say
from tests.bench.peers import NotHere
from tests.bench.peers.websockets import ROOM
from tests.bench.websockets.room import Room, Sender, flood, quantiles
from tests.support.wait import NotReached

MILLION = 1e6


def play(kinds, cases, rounds, seconds):
    """{case: {peer: [run, ...]}}; one server at a time is up, for a full room needs the machine."""
    results = {case.name: {name: [] for name, kind in kinds.items() if takes_part(kind, case)} for case in cases}
    for number in range(1, rounds + 1):
        for case in cases:
            say(f"round {number} of {rounds}: {case.title}")
            for name, runs in results[case.name].items():
                run = attempt(kinds[name], case, seconds)
                runs.append(run)
                say(f"  {name}: {run.get('error') or summary(run)}")
    return results


def takes_part(kind, case):
    """Whose room is in one process only is measured with one."""
    return case.workers == 1 or kind.room_of_all


def summary(run):
    """In a line."""
    return (f"{run['receivers']:,} in; alone p99 {run['alone']['p99_ms']:.0f} ms; "
            f"{run['full']['deliveries']:,.0f} deliveries/s, {run['full']['cpu']:.2f} s of CPU a million")


def attempt(kind, case, seconds):
    """A failure is a result."""
    noted = {"at": round(time.time()), "load_average": os.getloadavg()[0]}
    try:
        return {**measure(kind, case, seconds), **noted}
    except (NotHere, NotReached, OSError, EOFError, ValueError) as error:
        return {"error": str(error).splitlines()[0], **noted}


def measure(kind, case, seconds):
    """One run: a message at a time, then `window` of them."""
    with kind(case.workers, case.receivers) as peer:
        base = costs.memory(peer.pids())["pss"]
        began = time.monotonic()
        run = {"version": peer.version()}
        for manner, window in (("alone", 1), ("full", case.window)):
            with Room(peer.address, ROOM, case.receivers, case.size) as room:
                if manner == "alone":
                    run["open_s"] = time.monotonic() - began
                    run["bytes_each"] = (costs.memory(peer.pids())["pss"] - base) / max(room.receivers, 1)
                run["receivers"] = room.receivers
                run[manner] = one_flood(peer, room, case, seconds, window)
        return run


def one_flood(peer, room, case, seconds, window):
    """The figures of one flood."""
    with Sender(peer.address, ROOM, case.size) as sender:
        flood(room, sender, 0.5, window)  # warm
        warm, before = sender.sent, costs.cpu(peer.pids())
        took = flood(room, sender, seconds, window)
        used = sum(now - then for now, then in zip(costs.cpu(peer.pids()), before))
        sent = sender.sent - warm
        report = room.finish()
    deliveries = sent * room.receivers
    return {"sent": sent, "rate": sent / took, "deliveries": deliveries / took,
            "cpu": used / deliveries * MILLION, "missed": sender.sent * room.receivers - report["messages"],
            "late": report["late"], "ended": report["ended"], **quantiles(report["delays"])}
