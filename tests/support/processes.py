"""What /proc knows about processes."""
import collections
import contextlib
import os
import pathlib
import signal

PROC = pathlib.Path("/proc")


def stat_fields(pid):
    """The fields of /proc/PID/stat from the third one (state) on, or None if it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_alive(pid):
    """Neither gone nor a zombie."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in "ZX"


def is_pending(pid, number):
    """Whether a signal was sent to a process that it has not taken yet."""
    status = (PROC / str(pid) / "status").read_text()
    pending = next(line for line in status.splitlines() if line.startswith("ShdPnd:")).split()[1]
    return bool(int(pending, 16) >> (number - 1) & 1)


def pids():
    """All processes."""
    return [int(entry) for entry in os.listdir(PROC) if entry.isdigit()]


def session_of(leader):
    """The living processes of a session."""
    return [pid for pid in pids() if (fields := stat_fields(pid)) and int(fields[3]) == leader
            and fields[0] not in "ZX"]


def kill_session(leader):
    """SIGKILL to all that is left of a session. What ends by itself meanwhile is as good."""
    for pid in session_of(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def children(pid):
    """The living children of a process."""
    return [child for child in pids() if (fields := stat_fields(child)) and int(fields[1]) == pid
            and fields[0] not in "ZX"]


def command_line(pid):
    """The words, or none if it is gone."""
    try:
        return (PROC / str(pid) / "cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def orphans_of(sessions):
    """Our own children, dead ones too, that were born in one of these sessions but do not lead it."""
    return [pid for pid in pids() if pid not in sessions and (fields := stat_fields(pid)) and
            int(fields[1]) == os.getpid() and int(fields[3]) in sessions]


def descriptors(pid):
    """{number: what it points to} of the open descriptors; inode numbers left out."""
    folder = PROC / str(pid) / "fd"
    found = {}
    for entry in os.listdir(folder):
        try:
            found[int(entry)] = os.readlink(folder / entry)
        except FileNotFoundError:
            pass  # closed while we looked
    return found


def kinds(pid):
    """How many descriptors of each kind a process has: "socket", "anon_inode:[eventpoll]", ..."""
    return collections.Counter(target.split(":[")[0] if not target.startswith("anon_inode")
                               else target for target in descriptors(pid).values())


def cpu_seconds(pid):
    """User and system time used by a process and its reaped children."""
    fields = stat_fields(pid)
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def name(pid):
    """The command name, or None if the process is gone."""
    try:
        return (PROC / str(pid) / "comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
