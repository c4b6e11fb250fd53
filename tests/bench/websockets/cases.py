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
    """One of the connections of a room sends, all receive. workers: of the server.

    First `messages` with `apart` seconds between them, each of which finds everybody idle, then `burst` at once.
    """

    name: str
    receivers: int
    workers: int
    apart: float
    size: int = 64
    messages: int = 5
    burst: int = 20

    @property
    def title(self):
        """In words."""
        processes = "one process" if self.workers == 1 else f"{self.workers} processes"
        return f"{self.receivers:,} receivers, {processes}, {size_of(self.size)}"


BROADCASTS = {case.name: case for case in (
    Broadcast("10k", 10_000, 1, 0.5), Broadcast("100k", 100_000, 7, 3.0))}
