"""What the processes of a server have used: processor time and memory, as /proc tells."""
import os
import pathlib
import re

from tests.support import processes

TICK = os.sysconf("SC_CLK_TCK")


def cpu(pids):
    """(user, system) seconds of these processes and their reaped children, from their start."""
    user = system = 0
    for pid in pids:
        fields = processes.stat_fields(pid)
        if fields:
            user += int(fields[11]) + int(fields[13])
            system += int(fields[12]) + int(fields[14])
    return user / TICK, system / TICK


def memory(pids):
    """{"pss": bytes, "private_dirty": bytes} of all of them together: user memory, not the kernel's."""
    total = {"pss": 0, "private_dirty": 0}
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for field, size in re.findall(r"^(Pss|Private_Dirty): +(\d+) kB$", text, re.MULTILINE):
            total[field.lower()] += int(size) * 1024
    return total
