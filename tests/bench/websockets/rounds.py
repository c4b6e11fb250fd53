"""The order of the runs where all servers are up at once: A B C A B C, so the machine's mood is in all."""
import os
import time

from tests.bench.engine.rounds import say
from tests.bench.engine.wrk import LoadFailed
from tests.bench.peers import NotHere


def all_up(stack, kinds, processes, results):
    """{name: peer} of those that can be run here, until `stack` ends; `results` says which versions, and who not."""
    peers = {}
    for name, kind in kinds.items():
        try:
            peers[name] = stack.enter_context(kind(processes))
            results["versions"][name] = peers[name].version()
        except NotHere as missing:
            say(f"without {name}: {missing}")
            results["note"] += f" Without {name}: {missing}."
    return peers


def play(peers, cases, rounds, seconds, measure):
    """{case: {peer: [run, ...]}}; a run has its figures, or nothing but an error.

    measure(peer, case, seconds, warm): a run with "rate" and "cpu".
    """
    results = {case.name: {name: [] for name in peers} for case in cases}
    for number in range(1, rounds + 1):
        for case in cases:
            say(f"round {number} of {rounds}: {case.title}")
            for name, peer in peers.items():
                run = attempt(measure, peer, case, seconds, warm=number > 1)
                results[case.name][name].append(run)
                say(f"  {name}: " + (run.get("error") or
                                     f"{run['rate']:,.0f}/s, {run['cpu']:.2f} s of CPU a million"))
    return results


def attempt(measure, peer, case, seconds, warm):
    """A run with its time and the load average of that moment; a failure is a result."""
    noted = {"at": round(time.time()), "load_average": os.getloadavg()[0]}
    try:
        return {**measure(peer, case, seconds, warm), **noted}
    except (LoadFailed, OSError) as error:
        return {"error": str(error), **noted}
