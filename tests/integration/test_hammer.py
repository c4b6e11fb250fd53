"""The hammer must see every way of losing a request, and must not see any where there is none."""
import contextlib
import re
import signal
import socket
import subprocess
import tempfile
import unittest

from tests.support.faulty_server import GOOD_CLOSE, FaultyServer, refusing_address
from tests.support.hammer import FAILURES, Hammer, hammer
from tests.support.wait import until

MODES = ("short", "keepalive", "slow")


def begin(stack, *behaviours, mode="short", count=12, **options):
    """A load of `count` requests on a server of these behaviours, both ended with `stack`. Only where one never
    answers does anybody wait for timeout_ms, and there good answers have to come in less, too."""
    server = stack.enter_context(FaultyServer(*behaviours))
    timeout = 3000 if any(one.startswith("hang") for one in behaviours) else 20_000
    return stack.enter_context(Hammer(server.address, **{mode: 4}, count=count, body="hello",
                                      timeout_ms=timeout, **options))


def run(*behaviours, **options):
    """The report of such a load."""
    with contextlib.ExitStack() as stack:
        return begin(stack, *behaviours, **options).finish()


def dropped(port):
    """Whether a listening socket has dropped a SYN."""
    listed = subprocess.run(["ss", "-tlnHm", f"sport = :{port}"], check=True, text=True, capture_output=True).stdout
    return int(re.search(r"\bd(\d+)\)", listed)[1])


class HammerSees(unittest.TestCase):
    """One behaviour a test, each in exactly one count."""

    def assert_counts(self, report, **expected):
        """Every outcome that is not named must be 0."""
        seen = {key: report[key] for key in ("ok", *FAILURES)}
        self.assertEqual(seen, {key: expected.get(key, 0) for key in seen}, report.summary())
        self.assertEqual(report["failed"], sum(seen.values()) - seen["ok"])
        self.assertEqual(report["requests"], sum(seen.values()))

    def test_every_fault_in_every_mode_under_its_own_name(self):
        """Half of the connections are good ones, the other half have the fault."""
        faults = {"reset": "reset", "reset-in-body": "reset", "reset-at-once": "reset",
                  "eof": "eof", "half-head": "eof", "eof-at-once": "eof", "short": "short_answer",
                  "short-chunked": "short_answer", "wrong-status": "wrong_answer",
                  "wrong-body": "wrong_answer", "garbage": "wrong_answer",
                  "hang": "timeout", "hang-in-body": "timeout"}
        with contextlib.ExitStack() as stack:
            def start(mode, fault):
                return begin(stack, "good", fault, mode=mode, count=8, requests=1)
            waiting = {(mode, fault): start(mode, fault) for mode in MODES for fault in faults
                       if fault.startswith("hang")}  # they take their time at once
            for mode in MODES:
                for fault, outcome in faults.items():
                    with self.subTest(mode=mode, fault=fault):
                        report = (waiting.get((mode, fault)) or start(mode, fault)).finish()
                        if fault == "eof-at-once":  # the kernel answers our bytes with a reset
                            outcome = "reset" if report["reset"] else "eof"
                            report[outcome] += report["eof" if outcome == "reset" else "reset"]
                            report["eof" if outcome == "reset" else "reset"] = 0
                        self.assert_counts(report, ok=4, **{outcome: 4})

    def test_refused(self):
        """Nobody listens."""
        holder, address = refusing_address()
        with holder:
            for mode in MODES:
                with self.subTest(mode=mode):
                    self.assert_counts(hammer(address, **{mode: 2}, count=10), refused=10)

    def test_connect_that_nobody_completes_is_a_timeout(self):
        """The accept queue is full and nobody accepts: the kernel drops the SYN."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            with socket.create_connection(listener.getsockname()):
                report = hammer("127.0.0.1:%d" % listener.getsockname()[1], short=1, count=1,
                                timeout_ms=200)
        self.assert_counts(report, timeout=1)
        self.assertIn("connect", report["first_failures"][0]["where"])

    def test_syn_that_is_lost(self):
        """It is sent again after a second: that is no failure, and counted whatever late is."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)):
                with Hammer(f"127.0.0.1:{port}", short=1, count=1, timeout_ms=60_000) as load:
                    until(lambda: dropped(port), "a drop")
                    listener.accept()[0].close()
                    with listener.accept()[0] as connection:
                        connection.recv(65536)
                        connection.sendall(GOOD_CLOSE)
                    report = load.finish()
        self.assert_counts(report, ok=1)
        self.assertEqual(report["syn_resent"], 1)
        self.assertGreaterEqual(report.late, 1)

    def test_missing_unix_socket_is_another_connect_error(self):
        """ENOENT is neither refused nor reset."""
        with tempfile.TemporaryDirectory(prefix="sh-") as directory:
            report = hammer(f"unix:{directory}/none", short=1, count=3)
        self.assert_counts(report, connect_error=3)

    def test_request_that_crosses_the_close_of_an_idle_connection(self):
        """On a network the client writes before it can know; --latency-ms plays that."""
        report = run("good-then-close", mode="keepalive", think_ms=20, latency_ms=5000)
        lost = report["reset"] + report["eof"]
        self.assertEqual((report["ok"] + lost, report["idle_closed"]), (12, 0), report.summary())
        self.assertGreaterEqual(lost, 4, report.summary())  # of each client at least one

    def test_bytes_after_the_answer(self):
        """An answer that is too long is wrong, also when the rest comes in a packet of its own."""
        self.assert_counts(run("too-much"), wrong_answer=12)

    def test_load_that_is_cut_off(self):
        """The second SIGTERM counts what was under way, it does not forget it."""
        with FaultyServer("hang") as server:
            with Hammer(server.address, short=3, timeout_ms=60000) as load:
                until(lambda: len(server.connections) == 3, "a request of each client")
                load.process.send_signal(signal.SIGTERM)
                load.process.send_signal(signal.SIGINT)  # as good; two SIGTERM might become one
                report = load.finish()
        self.assert_counts(report, unfinished=3)


class HammerDoesNotSee(unittest.TestCase):
    """What a server may do."""

    def assert_all_ok(self, report, count=12):
        """All requests, and no failure of any kind."""
        self.assertEqual((report["ok"], report["failed"]), (count, 0), report.summary())

    def test_ways_to_frame_an_answer(self):
        """Length, chunks with an interim answer before them, end of the connection."""
        for mode in MODES:
            for behaviour in ("good", "says-close", "until-end", "chunked"):
                with self.subTest(mode=mode, behaviour=behaviour):
                    self.assert_all_ok(run(behaviour, mode=mode))

    def test_keep_alive_uses_its_connections(self):
        """12 requests, up to 12 a connection, 4 clients: no more than 4 connections."""
        report = run("good", mode="keepalive", requests=12)
        self.assert_all_ok(report)
        self.assertLessEqual(report["connections"], 4)
        self.assertEqual(report.late, 0)

    def test_connection_close_is_honoured(self):
        """Said by the server: the client opens a new one, nothing failed."""
        report = run("says-close", mode="keepalive")
        self.assert_all_ok(report)
        self.assertEqual((report["connections"], report["idle_closed"]), (12, 0))

    def test_close_between_requests_is_no_failure_as_long_as_nothing_was_sent(self):
        """The client sees the end before it writes."""
        report = run("good-then-close", mode="keepalive", think_ms=400)
        self.assertEqual(report["ok"] + report["reset"] + report["eof"], 12, report.summary())
        self.assertGreater(report["idle_closed"], 0)

    def test_families(self):
        """IPv6 and Unix sockets."""
        with FaultyServer("good", family=socket.AF_INET6, address=("::1", 0)) as server:
            self.assert_all_ok(hammer(server.address, short=2, count=12))
        with tempfile.TemporaryDirectory(prefix="sh-") as directory:
            with FaultyServer("good", family=socket.AF_UNIX, address=f"{directory}/s") as server:
                self.assert_all_ok(hammer(server.address, short=200, count=1000), count=1000)

    def test_snapshots_and_bodies(self):
        """Progress can be waited for; different bodies are counted."""
        with FaultyServer("good", "wrong-body") as server:
            with Hammer(server.address, short=2, count_bodies=True) as load:
                load.after(50)
                load.after(50)
                report = load.stop()
        self.assertGreaterEqual(report["ok"], 100)
        self.assertEqual(sum(report["bodies"].values()), report["ok"])
        self.assertEqual(set(report["bodies"]), {"hello", "hullo"})

    def test_rate_is_kept(self):
        """Never more connections than rate x time, plus the first."""
        report = run("good", count=20, rate=100)
        self.assertLessEqual(report["connections"], report["seconds"] * 100 + 1)


if __name__ == "__main__":
    unittest.main()
