"""node: its http and cluster modules. No files, which nobody serves with the http module alone."""
from tests.bench.peers.peer import FROM_MEMORY, PROGRAMS, Foreground


class Node(Foreground):
    """A primary and its workers."""

    name = program = "node"
    paths = FROM_MEMORY

    def command(self, port):
        return ["node", str(PROGRAMS / "server.js"), str(port), str(self.workers)]

    def version(self):
        return "node/" + super().version().removeprefix("v")
