#!/usr/bin/env python3
"""Instructions that the worker executes in user space for one request: a number that does not depend on
how busy the machine is.

    python3 -m tests.bench.instructions --worker build/release/bin/sockherd-worker [--out FILE]
        [--keep DIRECTORY]

The worker runs under callgrind and answers so many requests on one keep-alive connection, one at a time
(or sixteen in one write); then another one answers more of them, and the difference, for each request, is
the figure: what starting and ending cost is in both. Fails only where a figure is beyond three times what
it was when its bound was written, since this is to be read and not to be passed. Exit status 77, which
ctest takes for "skipped": there is no release build of the worker, or no valgrind.
"""
import argparse
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from tests.bench.peers.sockherd import engine_line
from tests.support.daemon import address_of, tcp_listener
from tests.support.http import Wire
from tests.support.spawn_worker import spawn_worker
from tests.support.websocket import TEXT, WebSocketWire, frame

SKIPPED = 77
TEN_KIB = 10 * 1024
# Callgrind counts "rep movsb" once a byte, so the C library shall copy with vectors, as it counts them.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1000000000:"
                                 "glibc.cpu.x86_rep_stosb_threshold=1000000000"}
CONFIG = """
[listener.web]
[pool.web]
listeners = ["web"]
workers = 1
{engine}
routes = [{{ path = "/", module = "demo" }}, {{ path = "/file/", files = "{files}" }},
          {{ path = "/ws", websocket = "echo" }}]
"""


@dataclasses.dataclass(frozen=True)
class Case:
    """few, many: the requests (on a WebSocket: messages) of the two runs; bound: of the figure, three times
    that of the day."""

    name: str
    title: str
    path: str
    bound: int
    depth: int = 1
    few: int = 2_000
    many: int = 12_000


CASES = (
    Case("plain", "/plaintext", "/plaintext", 10_000),
    Case("pipe16", "/plaintext, pipelined ×16", "/plaintext", 7_500, depth=16, few=3_200, many=32_000),
    Case("10k", "/10k", "/10k", 12_500),
    Case("file10k", "a file of 10 KiB", "/file/10k.bin", 19_000, few=500, many=5_500),
    Case("echo", "an echo of 32 bytes", "/ws", 4_500),
    Case("echo16", "an echo of 32 bytes, ×16", "/ws", 4_500, depth=16, few=3_200, many=32_000),
)
MESSAGE = b"thirty-two bytes of text, no two"


class Broken(Exception):
    """The worker or valgrind did not do what this needs."""


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--worker", type=pathlib.Path, required=True, help="an optimised sockherd-worker")
    parser.add_argument("--out", type=pathlib.Path, help="where the figures are written as well")
    parser.add_argument("--keep", type=pathlib.Path, help="for what callgrind_annotate reads")
    return parser.parse_args()


def answer_size(address, case):
    """Bytes of one answer, which are the same every time."""
    with Wire(address) as wire:
        wire.send(f"GET {case.path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        closing = len(wire.reader.read())
    return closing - len("Connection: close\r\n")


def say(address, case, count):
    """So many messages on one WebSocket, each the same."""
    batch = frame(TEXT, MESSAGE) * case.depth
    size = len(frame(TEXT, MESSAGE, masked=False)) * case.depth
    with WebSocketWire(address, case.path) as wire:
        for _ in range(count // case.depth):
            wire.send(batch)
            if len(wire.reader.read(size)) != size:
                raise Broken(f"{case.title}: the worker closed the connection")


def ask(address, case, count):
    """So many requests on one connection."""
    size = answer_size(address, case) * case.depth
    batch = f"GET {case.path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode() * case.depth
    with Wire(address) as wire:
        for _ in range(count // case.depth):
            wire.send(batch)
            if len(wire.reader.read(size)) != size:
                raise Broken(f"{case.title}: the worker closed the connection")


def instructions(worker, config, case, count, keep):
    """All that a worker executes which answers `count` requests."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(tcp_listener())
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="sh-count-", dir="/tmp"))
        out = pathlib.Path(directory) / "callgrind.out"
        pid = spawn_worker(
            shutil.which("valgrind"), [("web", listener)], config, environment=ENVIRONMENT,
            arguments=["--tool=callgrind", f"--callgrind-out-file={out}", f"--log-file={directory}/log",
                       str(worker)])
        address = address_of(listener)
        try:
            (say if case.path == "/ws" else ask)(address, case, count)
        finally:
            os.kill(pid, signal.SIGTERM)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status != 0:
            raise Broken(f"exit status {status}: {(pathlib.Path(directory) / 'log').read_text()}")
        if keep:
            shutil.copy(out, keep / f"callgrind.{case.name}.{count}")
        return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)[1])


def per_request(worker, config, case, keep):
    """The figure."""
    few, many = (instructions(worker, config, case, count, keep) for count in (case.few, case.many))
    return (many - few) / (case.many - case.few)


def write(lines, file):
    """To standard output, and to a file if there is one."""
    print("\n".join(lines))
    if file:
        file.write_text("\n".join(lines) + "\n")


def main():
    """Measures, prints, and fails on the absurd."""
    options = arguments()
    if not options.worker.exists() or not shutil.which("valgrind"):
        lines = ["instructions: not counted: that needs valgrind and a release build of the worker"]
        write(lines, options.out)
        return SKIPPED
    lines, beyond = ["Instructions in user space for each request:"], []
    with tempfile.TemporaryDirectory(prefix="sh-count-", dir="/tmp") as directory:
        (pathlib.Path(directory) / "10k.bin").write_bytes(os.urandom(TEN_KIB))
        config = CONFIG.format(files=directory, engine=engine_line("epoll"))
        for case in CASES:
            figure = per_request(options.worker, config, case, options.keep)
            lines.append(f"  {case.title:<28} {figure:7,.0f}")
            if figure > case.bound:
                beyond.append(f"{case.title}: {figure:,.0f}, and the bound is {case.bound:,}")
    write(lines, options.out)
    return f"instructions: {'; '.join(beyond)}" if beyond else 0


if __name__ == "__main__":
    sys.exit(main())
