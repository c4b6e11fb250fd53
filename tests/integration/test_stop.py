"""The end: SIGTERM finishes what was begun, a second one does not wait."""
import os
import signal
import unittest

from tests.support import processes
from tests.support.case import DaemonCase
from tests.support.daemon import basic_config, duplicate
from tests.support.http import Wire

BEGIN = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234"


class Stop(DaemonCase):
    """Requests that are half sent decide how long a drain takes, so the test does."""

    def begin(self, daemon):
        """A connection with a request that the worker has begun to read."""
        wire = Wire(daemon.address("web"))
        self.addCleanup(wire.close)
        wire.ask("GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n")  # it is accepted now
        wire.send(BEGIN)
        return wire

    def test_request_in_flight_is_finished(self):
        """Its connection ends behind the answer, and then the daemon with status 0."""
        daemon = self.ready()
        wires = [self.begin(daemon) for _ in range(6)]
        mark = daemon.notify.mark()
        daemon.signal(signal.SIGTERM)
        daemon.notify.wait_for("STOPPING", "1", since=mark)
        for wire in wires:
            answer = wire.ask("56789")
            self.assertEqual((answer.status, answer.body), (200, b"0123456789"))
            self.assertTrue(wire.at_end())
        self.assertEqual(daemon.exit_status(), 0)
        self.assertEqual(processes.session_of(daemon.pid), [])

    def test_idle_connections_do_not_hold_up_the_end(self):
        """Nobody waits for keepalive_timeout, nor for header_timeout of a client that says nothing."""
        daemon = self.ready(basic_config(pool='drain_timeout = "60s"\nheader_timeout = "60s"'))
        with Wire(daemon.address("web")) as idle, Wire(daemon.address("web")):
            idle.ask("GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n")
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.exit_status(deadline=20), 0)

    def test_second_sigterm_is_at_once(self):
        """A request that never ends does not outlive it."""
        # One worker, which is busy: another one would just be leaving, and one that LeakSanitizer looks through at its
        # end (by ptrace) may not be seen to die when it is killed in that moment.
        daemon = self.ready(basic_config(workers=1, pool='drain_timeout = "10m"'))
        wire = self.begin(daemon)
        mark = daemon.notify.mark()
        daemon.signal(signal.SIGTERM)
        daemon.notify.wait_for("STOPPING", "1", since=mark)
        self.assertIsNone(daemon.process.poll())
        daemon.signal(signal.SIGTERM)
        daemon.exit_status()
        self.assertTrue(wire.at_end())
        self.assertEqual(processes.session_of(daemon.pid), [])

    def test_deadline_of_the_drain(self):
        """A request that never ends is cut off after drain_timeout."""
        daemon = self.ready(basic_config(pool='drain_timeout = "300ms"'))
        wire = self.begin(daemon)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.exit_status(), 0)
        self.assertTrue(wire.at_end())

    def test_worker_that_hangs_is_killed_at_the_deadline(self):
        """SIGSTOP: it cannot even see the SIGTERM."""
        daemon = self.ready(basic_config(pool='drain_timeout = "300ms"'))
        os.kill(daemon.workers()[0]["pid"], signal.SIGSTOP)
        daemon.signal(signal.SIGTERM)
        daemon.exit_status()
        self.assertEqual(processes.session_of(daemon.pid), [])

    def test_interrupt_stops_too(self):
        """Ctrl-C in the foreground."""
        daemon = self.ready()
        daemon.signal(signal.SIGINT)
        self.assertEqual(daemon.exit_status(), 0)

    def test_connections_waiting_at_stop_are_left_to_systemd(self):
        """The adopted socket outlives the daemon, and so does its queue: the next one answers."""
        daemon = self.ready()
        keeper = duplicate(daemon.sockets["web"][0])
        self.addCleanup(keeper.close)
        daemon.signal(signal.SIGTERM)
        self.assertEqual(daemon.exit_status(), 0)
        waiting = [Wire("127.0.0.1:%d" % keeper.getsockname()[1]) for _ in range(10)]
        for wire in waiting:
            wire.send("GET /plaintext HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.ready(sockets={"web": [duplicate(keeper)]})
        for wire in waiting:
            with wire:
                self.assertEqual(wire.receive().status, 200)


if __name__ == "__main__":
    unittest.main()
