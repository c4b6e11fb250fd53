"""sockherd-worker alone, with the test as its supervisor: what it does for its control socket."""
import contextlib
import mmap
import os
import pathlib
import re
import resource
import select
import signal
import socket
import struct
import time
import unittest

from tests.support.http import Wire
from tests.support.paths import ROOT, program
from tests.support.spawn_worker import DEMO, spawn_worker, tcp_listener
from tests.support.wait import DEADLINE, until

GET = "GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n"


def config(**options):
    """The demo pool with these options; every value is a string in TOML."""
    lines = "".join(f'{name} = "{value}"\n' for name, value in options.items())
    return DEMO.replace("workers = 1\n", "workers = 1\n" + lines)


def constant(path, pattern):
    """A number from the source, so that the layout stands in one place."""
    return int(re.search(pattern, (ROOT / path).read_text())[1])


class Segment:
    """Statistics of one slot and one seat: daemon/stats/segment.cc, page.h."""

    PAGE = 4096

    def __init__(self):
        version = constant("daemon/stats/segment.cc", r"kVersion = (\d+);")
        enum = re.search(r"enum class Count.*?\{(.*?)\}", (ROOT / "daemon/stats/page.h").read_text(),
                         re.DOTALL)[1]
        self.names = re.findall(r"^\s*(\w+),", enum, re.MULTILINE)
        self.file = os.fdopen(os.memfd_create("stats", os.MFD_CLOEXEC), "r+b", 0)
        self.file.truncate(3 * self.PAGE)
        self.memory = mmap.mmap(self.file.fileno(), 3 * self.PAGE)
        self.memory[:20] = struct.pack("=QIII", 0x7374617468657264, version, 1, 1)

    def get(self, name):
        """A counter of the worker."""
        return struct.unpack_from("=Q", self.memory, 2 * self.PAGE + 64
                                  + 8 * self.names.index(name))[0]

    def close(self):
        """Our side only."""
        self.memory.close()
        self.file.close()


class Supervised:
    """A worker with a listener of its own, its statistics, and our end of its control socket."""

    def __init__(self, text=DEMO):
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(DEADLINE)
        self.listener = tcp_listener(0)
        self.stats = Segment()
        self.pid = spawn_worker(program("sockherd-worker"), [
            ("web", self.listener), ("sockherd.control", theirs), ("sockherd.stats", self.stats.file),
        ], text)
        theirs.close()
        self.status = None

    def order(self, verb, slot, passed=None, listener="web"):
        """Sends a message, with a socket."""
        socket.send_fds(self.control, [f"VERB={verb}\nLISTENER={listener}\nSLOT={slot}\n".encode()],
                        [passed] if passed else [])

    def answer(self):
        """The next message of the worker; empty when it has ended."""
        return self.control.recv(4096).decode()

    def wait(self):
        """Its exit status."""
        if self.status is None:
            until(self.is_over, "the end of the worker")
        return self.status

    def is_over(self):
        """Whether it has ended; reaps it."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None
        return self.status is not None

    def end(self):
        """Whatever happened before."""
        if not self.is_over():
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        for each in (self.control, self.listener, self.stats):
            each.close()


def address(listener):
    """HOST:PORT of a listening socket."""
    return "{}:{}".format(*listener.getsockname())


class WorkerControl(unittest.TestCase):
    """A worker each; the sibling's slot is a socket that only we hold."""

    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 2000:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4000), hard))
        self.sibling = tcp_listener(0)
        self.addCleanup(self.sibling.close)

    def worker(self, text=DEMO):
        """One that serves."""
        worker = Supervised(text)
        self.addCleanup(worker.end)
        with Wire(address(worker.listener)) as wire:
            wire.send(GET)
            self.assertEqual(wire.receive().status, 200)
        return worker

    def clients(self, listener, count, sent=GET):
        """Connections that wait in the queue of a socket, with their request."""
        wires = [Wire(address(listener)) for _ in range(count)]
        for wire in wires:
            self.addCleanup(wire.close)
            wire.send(sent)
        return wires

    def assert_answered(self, wires):
        """Each of them, with 200."""
        self.assertEqual([wire.receive().status for wire in wires], [200] * len(wires))

    def assert_waits(self, listener):
        """The next client of this socket is for us to accept."""
        wire, = self.clients(listener, 1)
        until(lambda: select.select([listener], [], [], 0)[0], "a client that nobody accepts")
        listener.accept()[0].close()
        wire.close()

    def test_takes_over_what_waits_at_a_siblings_slot(self):
        """100 clients have connected to a slot without a worker."""
        worker = self.worker()
        waiting = self.clients(self.sibling, 100)
        worker.order("take", 7, self.sibling.fileno())
        self.assertEqual(worker.answer(), "VERB=taken\nLISTENER=web\nSLOT=7\n")
        self.assert_answered(waiting)
        self.assert_answered(self.clients(self.sibling, 3))
        self.assert_answered(self.clients(worker.listener, 3))
        self.assertEqual(worker.stats.get("ConnectionsAccepted"), 107)

    def test_drops_a_slot_and_leaves_its_queue(self):
        """The slot has a worker of its own again. Clients it accepted are served on."""
        worker = self.worker()
        worker.order("take", 7, self.sibling.fileno())
        worker.answer()
        kept, = self.clients(self.sibling, 1)
        self.assert_answered([kept])
        worker.order("drop", 7)
        self.assertEqual(worker.answer(), "VERB=dropped\nLISTENER=web\nSLOT=7\n")
        self.assert_waits(self.sibling)
        kept.send(GET)
        self.assert_answered([kept])

    def test_empties_a_queue(self):
        """All that waits is answered, and what comes then waits."""
        worker = self.worker()
        waiting = self.clients(self.sibling, 300)
        worker.order("empty", 7, self.sibling.fileno())
        self.assertEqual(worker.answer(), "VERB=emptied\nLISTENER=web\nSLOT=7\n")
        self.assert_answered(waiting)
        self.assert_waits(self.sibling)
        worker.order("empty", 7, self.sibling.fileno())
        self.assertEqual(worker.answer(), "VERB=emptied\nLISTENER=web\nSLOT=7\n")

    def test_hang_up_drains(self):
        """Nobody owns it: it lets go of all its sockets, finishes what it has, and exits."""
        worker = self.worker()
        worker.order("take", 7, self.sibling.fileno())
        worker.answer()
        slow, = self.clients(worker.listener, 1, "POST /echo HTTP/1.1\r\nHost: x\r\n"
                                                 "Content-Length: 4\r\n\r\nab")
        until(lambda: worker.stats.get("Requests") == 2, "the request that is under way")
        worker.control.close()
        self.assert_lets_go(worker)
        os.kill(worker.pid, signal.SIGTERM)  # the first one: not to hurry it
        slow.send("cd")
        answer = slow.receive()
        self.assertEqual((answer.status, answer.body, answer.headers["Connection"]),
                         (200, b"abcd", "close"))
        slow.close()
        self.assertEqual(worker.wait(), 0)

    def assert_lets_go(self, worker):
        """It listens nowhere any more."""
        numbers = {os.stat(listener.fileno()).st_ino for listener in (worker.listener, self.sibling)}

        def held():
            folder = f"/proc/{worker.pid}/fd"
            links = []
            for number in os.listdir(folder):
                with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                    links.append(os.readlink(f"{folder}/{number}"))
            return {number for number in numbers if f"socket:[{number}]" in links}
        until(lambda: not held(), "a worker without listening sockets")
        for listener in (worker.listener, self.sibling):
            self.assert_waits(listener)

    def test_sigterm_lets_go_of_a_siblings_slot_too(self):
        """And its queue is accepted first."""
        worker = self.worker()
        worker.order("take", 7, self.sibling.fileno())
        worker.answer()
        os.kill(worker.pid, signal.SIGSTOP)
        waiting = self.clients(self.sibling, 20)
        os.kill(worker.pid, signal.SIGTERM)
        os.kill(worker.pid, signal.SIGCONT)
        self.assert_answered(waiting)
        for wire in waiting:
            wire.close()
        self.assertEqual(worker.wait(), 0)
        self.assertEqual(worker.answer(), "")  # nothing more than the end

    def test_garbage_does_no_harm(self):
        """What is no message is ignored, and leaks nothing."""
        worker = self.worker()
        before = len(os.listdir(f"/proc/{worker.pid}/fd"))
        take = b"VERB=take\nLISTENER=web\nSLOT=7\n"
        for bytes_ in (b"\0", b"x" * 5000, b"VERB=take\n", take + b"\n", take.lower(), b"\xff" * 64):
            socket.send_fds(worker.control, [bytes_], [self.sibling.fileno()] * 3)
        worker.control.send(b"")
        worker.order("take", 7)
        worker.order("take", 7, worker.control.fileno())
        worker.order("emptied", 7, self.sibling.fileno())
        worker.order("take", "-7", self.sibling.fileno())
        worker.order("drop", 9)
        self.assertEqual(worker.answer(), "VERB=dropped\nLISTENER=web\nSLOT=9\n")
        self.assert_waits(self.sibling)
        until(lambda: len(os.listdir(f"/proc/{worker.pid}/fd")) <= before, "no descriptor more")
        self.assert_answered(self.clients(worker.listener, 3))

    def test_heartbeat(self):
        """It beats while the worker is idle, stands while it is stopped, and costs only that."""
        beating = self.worker(config(hang_timeout="200ms"))
        stopped = self.worker(config(hang_timeout="200ms"))
        silent = self.worker(config(hang_timeout="0s"))

        def beats(worker):
            return worker.stats.get("LoopIterations")
        os.kill(stopped.pid, signal.SIGSTOP)
        state = pathlib.Path(f"/proc/{stopped.pid}/stat")
        until(lambda: state.read_text().split()[2] == "T", "a stopped worker")
        begun = time.monotonic()
        frozen, quiet, first = beats(stopped), beats(silent), beats(beating)
        until(lambda: beats(beating) >= first + 10, "ten beats of an idle worker")
        self.assertLessEqual(beats(beating) - first, (time.monotonic() - begun) / 0.05 + 2)
        self.assertEqual(beats(stopped), frozen)
        # Its only client has hung up, which it may have heard of since.
        self.assertLessEqual(beats(silent) - quiet, 3)
        os.kill(stopped.pid, signal.SIGCONT)
        until(lambda: beats(stopped) > frozen, "a beat of the worker that goes on")

    def test_without_a_supervisor_that_has_one(self):
        """A control socket is not needed; one that is none is refused."""
        listener = tcp_listener(0)
        self.addCleanup(listener.close)
        with open("/dev/null", "rb") as wrong:
            pid = spawn_worker(program("sockherd-worker"),
                               [("web", listener), ("sockherd.control", wrong)])
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 2)


if __name__ == "__main__":
    unittest.main()
