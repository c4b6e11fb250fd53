"""The order of the runs: C A C B C, every peer between two runs of the ceiling.

A ratio is to the mean of those two, so the machine's mood of that minute is in both.
"""
import os
import sys
import time

from tests.bench.engine.wrk import LoadFailed, measure

REFERENCE = "ceiling"
RATIOS = ("rate", "cpu")


def play(peers, cases, rounds, seconds):
    """{case: {peer: [run, ...]}}; a run has rate_ratio and cpu_ratio, or nothing but an error."""
    results = {case.name: {name: [] for name in peers if takes_part(peers[name], case)} for case in cases}
    for number in range(1, rounds + 1):
        for case in cases:
            say(f"round {number} of {rounds}: {case.name}")
            one_round(peers, case, seconds, results[case.name])
    return results


def takes_part(peer, case):
    """What a peer has no answer for is left out."""
    return case.path in peer.paths


def one_round(peers, case, seconds, found):
    """One run of each peer, appended to `found`."""
    warm = bool(found[REFERENCE])
    before = attempt(peers[REFERENCE], case, seconds, warm)
    found[REFERENCE].append(before)
    for name in found:
        if name == REFERENCE:
            continue
        run = attempt(peers[name], case, seconds, warm)
        after = attempt(peers[REFERENCE], case, seconds, True)
        if "error" not in run and "error" not in before and "error" not in after:
            for key in RATIOS:
                run[f"{key}_ratio"] = run[key] / ((before[key] + after[key]) / 2)
            say(f"  {name}: {run['rate_ratio']:.2f} of its rate, {run['cpu_ratio']:.2f} of its CPU")
        found[name].append(run)
        found[REFERENCE].append(after)
        before = after


def attempt(peer, case, seconds, warm):
    """A run with its time and the load average of that moment; a failure is a result."""
    noted = {"at": round(time.time()), "load_average": os.getloadavg()[0]}
    try:
        return {**measure(peer, case, seconds, warm), **noted}
    except (LoadFailed, OSError) as error:
        say(f"  {peer.name}: {error}")
        return {"error": str(error), **noted}


def say(words):
    """Progress, on standard error."""
    print(words, file=sys.stderr, flush=True)
