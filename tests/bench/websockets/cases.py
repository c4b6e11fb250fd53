"""What is sent over how many connections."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Echo:
    """Each connection sends a message when the one before came back."""

    name: str
    size: int
    connections: int

    @property
    def title(self):
        """In words."""
        return f"{size_of(self.size)}, {self.connections} connections"


def size_of(size):
    """Of a message."""
    return f"{size // 1024} KiB" if size >= 1024 else f"{size} bytes"


ECHOES = {case.name: case for case in (
    Echo("32x64", 32, 64), Echo("32x512", 32, 512), Echo("4kx64", 4096, 64), Echo("4kx512", 4096, 512))}


@dataclasses.dataclass(frozen=True)
class Broadcast:
    """One sends, all others receive. window: messages under way at once; workers: of the server."""

    name: str
    receivers: int
    workers: int
    size: int = 64
    window: int = 4

    @property
    def title(self):
        """In words."""
        processes = "one process" if self.workers == 1 else f"{self.workers} processes"
        return f"{self.receivers:,} receivers, {processes}, {size_of(self.size)}"


BROADCASTS = {case.name: case for case in (
    Broadcast("10k", 10_000, 1), Broadcast("100k", 100_000, 7))}
