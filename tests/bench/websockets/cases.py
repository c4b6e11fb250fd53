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
