"""What is asked of the servers, over how many connections, and how."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Case:
    """One kind of load. depth: requests in one write; close: a connection a request."""

    name: str
    title: str
    path: str
    connections: int = 64
    depth: int = 1
    close: bool = False


@dataclasses.dataclass(frozen=True)
class Group:
    """Cases that make one table."""

    title: str
    cases: tuple


GROUPS = (
    Group("Answers from memory", (
        Case("plain64", "/plaintext, 64 connections", "/plaintext"),
        Case("plain512", "/plaintext, 512 connections", "/plaintext", connections=512),
        Case("pipe16", "/plaintext, 64 connections, pipelined ×16", "/plaintext", depth=16),
        Case("10k", "/10k (10 KiB), 64 connections", "/10k"))),
    Group("Files", (
        Case("file10k", "a file of 10 KiB, 64 connections", "/file/10k.bin"),
        Case("file1m", "a file of 1 MiB, 64 connections", "/file/1m.bin"))),
    Group("Short connections", (
        Case("short", "/plaintext, Connection: close, 64 at a time", "/plaintext", close=True),)),
)
CASES = {case.name: case for group in GROUPS for case in group.cases}
# Two processes with a thread each beside one process with two threads.
TOPOLOGY = ("sockherd", "sockherd-1x2")
