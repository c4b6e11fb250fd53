"""More and fewer workers while connections come: none may be refused, reset or kept waiting."""
import json
import signal
import socket
import unittest

from tests.support import processes
from tests.support.case import DaemonCase
from tests.support.daemon import Daemon, basic_config, tcp_listener, unix_listener
from tests.support.http import Wire
from tests.support.wait import until


class Scale(DaemonCase):
    """2 to 6 to 1 and back."""

    def sweep(self, daemon, scale, rounds=2, **load_options):
        """Scales up and down under load; `scale` is how."""
        load = self.load(daemon, **load_options)
        load.after(200)
        for count in [6, 1, 2] * rounds:
            scale(count)
            daemon.wait_workers(count)
            load.after(200)
        report = load.stop()
        self.assert_nothing_lost(report, daemon)

    def http_scale(self, daemon):
        """By the admin API."""
        def scale(count):
            answer = daemon.scale(count)
            self.assertEqual((answer.status, answer.json()["workers"]), (200, count), answer)
        return scale

    def test_by_http_under_short_connections(self):
        """The test of the issue."""
        daemon = self.ready()
        self.sweep(daemon, self.http_scale(daemon), rounds=4, short=16)

    def test_by_sockherdctl_under_short_connections(self):
        """The same by the command."""
        daemon = self.ready()
        self.sweep(daemon, lambda count: daemon.ctl("scale", "web", str(count), check=0), short=16)

    def test_under_slow_and_keep_alive_connections(self):
        """They are open or in the handshake while their slot goes."""
        daemon = self.ready()
        self.sweep(daemon, self.http_scale(daemon), slow=100, keepalive=40, think_ms=300,
                   latency_ms=50)

    def test_with_deferred_accept(self):
        """TCP_DEFER_ACCEPT: the handshake is half done until the request comes (lab, section 3)."""
        listener = tcp_listener()
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
        daemon = self.ready(sockets={"web": [listener]})
        self.sweep(daemon, self.http_scale(daemon), slow=100, short=4)

    def test_with_sockets_of_systemd_for_every_slot(self):
        """Six equal ListenStream= lines: slots without a worker are masked, never closed."""
        first = tcp_listener()
        rest = [tcp_listener(port=first.getsockname()[1]) for _ in range(5)]
        daemon = self.ready(sockets={"web": [first, *rest]})
        self.sweep(daemon, self.http_scale(daemon), short=16)

    def test_to_one_and_all_answer_from_there(self):
        """After scaling down, every connection finds the worker that is left."""
        daemon = self.ready(basic_config(workers=6))
        daemon.wait_all_answer(6)
        daemon.scale(1)
        daemon.wait_workers(1)
        report = self.load(daemon, count=2000, count_bodies=True).finish()
        self.assert_nothing_lost(report, daemon)
        pids = {json.loads(body)["pid"] for body in report["bodies"]}
        self.assertEqual(len(pids), 1)
        daemon.scale(6)
        daemon.wait_workers(6)
        daemon.wait_all_answer(6)

    def test_request_of_a_worker_that_goes_is_finished(self):
        """It drains."""
        daemon = self.ready()
        wires = [Wire(daemon.address("web")) for _ in range(20)]
        for wire in wires:
            self.addCleanup(wire.close)
            wire.ask("GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n")
            wire.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        before = {worker["pid"] for worker in daemon.workers()}
        daemon.scale(1)
        until(lambda: len(daemon.ready_workers()) == 1, "one ready worker", explain=daemon.log)
        self.assertEqual([wire.ask("cd").body for wire in wires], [b"abcd"] * 20)
        kept = {worker["pid"] for worker in daemon.wait_workers(1)}
        until(lambda: not any(map(processes.is_alive, before - kept)), "the end of the other")

    def test_by_signals(self):
        """SIGTTIN: one more; SIGTTOU: one fewer, but never none."""
        daemon = self.ready()
        load = self.load(daemon)
        load.after(100)
        daemon.signal(signal.SIGTTIN)
        daemon.wait_workers(3)
        daemon.signal(signal.SIGTTOU)
        daemon.wait_workers(2)
        daemon.signal(signal.SIGTTOU)
        daemon.wait_workers(1)
        daemon.signal(signal.SIGTTOU)
        load.after(200)
        self.assertEqual(len(daemon.wait_workers(1)), 1)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_changed_mind(self):
        """Counts one after the other without waiting: the last one wins."""
        daemon = self.ready()
        load = self.load(daemon)
        load.after(100)
        for count in (6, 1, 5, 2, 6, 3):
            self.assertEqual(daemon.scale(count).status, 200)
        daemon.wait_workers(3)
        daemon.wait_all_answer(3)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_unix_socket(self):
        """One socket for all workers; scaling loses nothing there either."""
        daemon = Daemon(basic_config(), sockets={})
        self.addCleanup(daemon.end)
        daemon.sockets["web"] = [unix_listener(daemon.directory / "web")]
        daemon.start()
        daemon.ready()
        self.sweep(daemon, self.http_scale(daemon), short=8)

    def test_bounds(self):
        """0, too many, no pool: refused, and nothing changes."""
        daemon = self.ready(basic_config(pool="max_workers = 8"))
        self.assertEqual(daemon.scale(9).status, 422)
        self.assertEqual(daemon.scale(-1).status, 422)
        self.assertEqual(daemon.scale(3, pool="none").status, 404)
        self.assertEqual(len(daemon.wait_workers(2)), 2)


if __name__ == "__main__":
    unittest.main()
