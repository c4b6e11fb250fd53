"""What a result says about where it was measured."""
import os
import platform

from tests.bench.engine.rounds import say

BUSY = 1.0  # load average from which on others are at work here


def machine():
    """{"machine", "load_average", "note"}; the load average of the end is to be added."""
    before = os.getloadavg()[0]
    note = ""
    if before > BUSY:
        note = (f" Others were at work on this machine (load average {before:.1f} at the start): trust the "
                "ratios of CPU.")
        say(f"note:{note}")
    return {"machine": f"Linux {platform.release().split('-')[0]}, {os.cpu_count()} CPUs shared with the clients",
            "load_average": [before], "note": note}
