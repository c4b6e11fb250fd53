"""The file descriptor store of a service, as systemd 252 keeps it (src/core/service.c).

Not kept: the limit of a unit that has none, and FileDescriptorStorePreserve= (254).
"""
import ctypes
import os
import platform
import select

SYS_KCMP = {"x86_64": 312}.get(platform.machine(), 272)
KCMP_FILE = 0
NAME_MAX = 255


def is_same_file(one, other):
    """Whether two descriptors are of one open file: same_fd() of systemd."""
    pid = os.getpid()
    order = ctypes.CDLL(None, use_errno=True).syscall(SYS_KCMP, pid, pid, KCMP_FILE, one, other)
    if order >= 0:
        return order == 0
    first, second = os.fstat(one), os.fstat(other)  # a kernel without kcmp(2); good for sockets
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


def valid_name(name):
    """fdname_is_valid(): what cannot be passed on is stored as "stored"."""
    printable = all(" " <= char < "\x7f" and char != ":" for char in name or "")
    return name if name is not None and printable and len(name) <= NAME_MAX else "stored"


class Entry:
    """One descriptor."""

    def __init__(self, name, fd, polled):
        self.name, self.fd, self.polled = name, fd, polled

    def __repr__(self):
        return f"{self.name}={self.fd}"


class FdStore:
    """Owns what it holds. `poll`: an epoll whose events on our descriptors come to on_event()."""

    def __init__(self, limit, poll):
        self.limit = limit
        self.poll = poll
        self.entries = []  # the newest first, as systemd passes them
        self.dropped = []  # (name, why): "full", "known", "hangup"
        self.most = 0      # entries at any time

    def __len__(self):
        return len(self.entries)

    def names(self):
        """Sorted."""
        return sorted(entry.name for entry in self.entries)

    def add(self, name, fd, polled=True):
        """Takes the descriptor over; it is kept or closed."""
        name = valid_name(name)
        if len(self.entries) >= self.limit:
            return self._refuse(name, fd, "full")
        if any(is_same_file(entry.fd, fd) for entry in self.entries):
            return self._refuse(name, fd, "known")
        if polled:
            try:
                self.poll.register(fd, 0)  # EPOLLHUP and EPOLLERR come unasked
            except PermissionError:
                polled = False  # a file; it cannot hang up
        self.entries.insert(0, Entry(name, fd, polled))
        self.most = max(self.most, len(self.entries))
        return True

    def _refuse(self, name, fd, why):
        self.dropped.append((name, why))
        os.close(fd)
        return False

    def remove(self, name):
        """All of that name."""
        for entry in [entry for entry in self.entries if entry.name == name]:
            self._close(entry)

    def on_event(self, fd, events):
        """The other end is gone."""
        if events & (select.EPOLLHUP | select.EPOLLERR):
            for entry in [entry for entry in self.entries if entry.fd == fd]:
                self.dropped.append((entry.name, "hangup"))
                self._close(entry)

    def clear(self):
        """The service has stopped."""
        for entry in list(self.entries):
            self._close(entry)

    def _close(self, entry):
        self.entries.remove(entry)
        if entry.polled:  # closing is not enough: others hold the same open file
            self.poll.unregister(entry.fd)
        os.close(entry.fd)
