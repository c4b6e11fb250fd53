"""The server that everything is measured against answers what the others answer, on both loops."""
import unittest

from tests.bench.engine.cases import CASES
from tests.bench.peers import Ceiling, CeilingOnIoUring, NotHere
from tests.bench.peers.peer import PATHS, PLAINTEXT
from tests.support.http import Wire

REQUEST = "GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = 130  # bytes, as many as the built-in engine sends


class OnEpoll(unittest.TestCase):
    """sockherd-ceiling --loop epoll."""

    kind = Ceiling

    def setUp(self):
        self.peer = self.enter()

    def enter(self):
        """The running peer."""
        return self.enterContext(self.kind())

    def wire(self, case="plain64"):
        """A connection to the instance for that case."""
        wire = Wire(self.peer.instance(CASES[case]).address)
        self.addCleanup(wire.close)
        return wire

    def test_answers_as_often_as_there_are_heads(self):
        wire = self.wire()
        for depth in (1, 16, 100):  # a hundred: more than go into one send
            wire.send(REQUEST * depth)
            received = wire.reader.read(depth * ANSWER)
            self.assertEqual(received.count(PLAINTEXT.encode()), depth)
            self.assertEqual(received, received[:ANSWER] * depth)

    def test_answers_are_as_long_as_those_of_the_others(self):
        for name in ("10k", "file10k", "file1m"):
            answer = self.wire(name).ask(REQUEST)
            self.assertEqual((answer.status, len(answer.body)), (200, PATHS[CASES[name].path]))

    def test_closes_after_the_answer_where_connections_are_short(self):
        wire = self.wire("short")
        answer = wire.ask(REQUEST)
        self.assertEqual(answer.headers["Connection"], "close")
        self.assertTrue(wire.at_end())

    def test_closes_when_the_client_does(self):
        wire = self.wire()
        wire.ask(REQUEST)
        wire.socket.shutdown(1)
        self.assertTrue(wire.at_end())


class OnIoUring(OnEpoll):
    """sockherd-ceiling --loop io_uring, where the kernel lets us."""

    kind = CeilingOnIoUring

    def enter(self):
        # A container or kernel.io_uring_disabled may forbid it: then there is no such ceiling, which
        # says nothing about the program. On epoll there is no way out.
        try:
            return super().enter()
        except NotHere as why:
            return self.skipTest(str(why))


if __name__ == "__main__":
    unittest.main()
