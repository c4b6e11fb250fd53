"""Trees on disk, of half a gigabyte each: built once, shared by whoever runs at a time, removed when nobody wants them.

The time of a tree's folder is its last use, and who uses it has a shared lock on it. One that was not used for KEPT is
removed by whoever makes sure of another, unless somebody has that lock.
"""
import contextlib
import fcntl
import os
import shutil
import sys
import time

KEPT = 14 * 24 * 3600  # seconds
PREFIX = "debian-"


@contextlib.contextmanager
def locked(path, how):
    """A folder, as long as this lasts. FileNotFoundError: it is not there, or has gone while we waited."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
        if os.fstat(descriptor).st_ino != os.stat(path).st_ino:
            raise FileNotFoundError(path)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def using(path):
    """As long as this lasts nobody removes it."""
    with locked(path, fcntl.LOCK_SH):
        os.utime(path)
        yield


def ensure(path, build):
    """The tree, by build(folder) if it is not there. Two runs at once build it once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    prune(path.parent, but=path)
    try:
        with using(path):
            return path
    except FileNotFoundError:
        pass
    with open(path.parent / "tree.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():  # renamed when it was whole
            partial = path.with_name(path.name + ".partial")
            shutil.rmtree(partial, ignore_errors=True)
            build(partial)
            os.utime(partial)
            partial.rename(path)
    return path


def is_old(path, now):
    """Whether nobody has used it for so long."""
    return path.stat().st_mtime < now - KEPT


def prune(folder, but, now=None):
    """Removes old trees, and what is left of builds that were broken off."""
    now = now or time.time()
    for path in sorted(folder.glob(f"{PREFIX}*")):
        # Who runs beside us removes them, too, or begins to use one: what was so before the lock may not be so any more.
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            if path != but and path.is_dir() and is_old(path, now):
                with locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    remove(path, now)


def remove(path, now):
    """Who has the lock."""
    if not is_old(path, now):
        return
    print(f"removing {path}, which nobody has used for {KEPT // 86400} days", file=sys.stderr, flush=True)
    gone = path.with_name(path.name + ".gone")  # what is half of a tree must not look like one
    path.rename(gone)
    shutil.rmtree(gone)
    path.with_name(path.name + ".log").unlink(missing_ok=True)
