"""Application modules in real workers: loaded, refused, reloaded, crashing, waiting, counted."""
import pathlib
import shutil
import tempfile
import threading
import unittest

from tests.support.case import DaemonCase
from tests.support.daemon import basic_config
from tests.support.gate import Gate
from tests.support.http import Wire, request
from tests.support.metrics import scrape
from tests.support.modules import module, module_config
from tests.support.paths import bin_dir
from tests.support.wait import until

LOST_WITH_A_PROCESS = ("reset", "eof", "short_answer")


class Loading(DaemonCase):
    """A module is served, or it says why it is not."""

    def test_it_answers_below_its_prefix(self):
        """Parameters are decoded, and other paths are others'."""
        daemon = self.ready(module_config(module("probe"), prefix="/app"))
        self.assertEqual(daemon.get("/app/hello/J%C3%BCrgen").body.decode(), "Hello, Jürgen!\n")
        self.assertEqual(daemon.get("/app/client").body, b"127.0.0.1")
        self.assertEqual(daemon.get("/app/nothing").status, 404)
        self.assertEqual(daemon.get("/hello/x").status, 404)
        self.assertEqual(daemon.get("/demo/plaintext").body, b"Hello, World!")

    def refused(self, path, needles):
        """A start that ends with the configuration's status and these words."""
        daemon = self.launch(module_config(path, workers=1, pool='start_timeout = "5s"'))
        daemon.start_status()
        self.assert_in(needles, daemon.log())

    def test_what_cannot_be_loaded_says_why(self):
        """The file, what was found, what is wanted, what to do."""
        text = pathlib.Path(self.enterContext(scratch())) / "text.so"
        text.write_text("this is no program")
        for path, needles in (
                ("/nowhere/app.so", ["/nowhere/app.so", "No such file"]),
                (str(text), ["text.so", "cannot be loaded", "shared object"]),
                (module("broken_abi"), ["broken_abi.so", "version 9999", "version 1",
                                        "compile it with"]),
                (module("broken_setup"), ["broken_setup.so", "no-slash", "must begin with"])):
            with self.subTest(path=path):
                self.refused(path, needles)

    def test_a_reload_to_a_broken_one_changes_nothing(self):
        """The old generation serves on, and the reload says why; the next good one is taken."""
        directory = pathlib.Path(self.enterContext(scratch()))
        path = directory / "app.so"
        shutil.copy(module("probe"), path)
        daemon = self.ready(module_config(path))
        pids = daemon.pids()
        replace(path, module("broken_abi"))
        answer = daemon.reload()
        self.assertNotEqual(answer.status, 200)
        self.assert_in(["version 9999"], str(answer.json()))
        self.assertEqual(daemon.pids(), pids)
        self.assertEqual(daemon.get("/hello/x").body, b"Hello, x!\n")
        replace(path, module("probe"))
        self.assertTrue(daemon.reload().json()["ok"], daemon.log())
        self.assertNotEqual(daemon.pids(), pids)
        self.assertEqual(daemon.get("/hello/x").body, b"Hello, x!\n")


def scratch():
    """A folder for a test."""
    return tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp")


def replace(path, by):
    """As a linker does: another file in its place."""
    new = path.with_suffix(".new")
    shutil.copy(by, new)
    new.replace(path)


class Failing(DaemonCase):
    """What a handler does to its worker, and what it does not."""

    def test_an_exception_is_a_500_and_one_line(self):
        """Its text is for the log."""
        daemon = self.ready(module_config(module("probe"), workers=1))
        answer = daemon.get("/throw")
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"secret", answer.body)
        daemon.wait_log("a secret")
        lines = [line for line in daemon.log().splitlines() if "handler-failed" in line]
        self.assertEqual(len(lines), 1)
        self.assert_in(["probe.so", "/throw", "a secret"], lines[0])
        self.assertEqual(value(daemon, "sockherd_handler_failures_total", pool="web"), 1)

    def test_a_crash_under_load_loses_what_was_accepted(self):
        """SIGSEGV in a handler: no refusal, no time-out, and no more than one answer for each client and crash."""
        clients, crashes = 16, 4
        daemon = self.ready(module_config(module("probe")))
        load = self.load(daemon, short=clients, path="/demo/whoami")
        for number in range(crashes):
            load.after(200)
            with Wire(daemon.address("web")) as wire:
                wire.send("GET /crash HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertTrue(wire.at_end())
            until(lambda n=number: exits(daemon) == n + 1 and len(daemon.ready_workers()) == 2,
                  "the successor", explain=daemon.log)
        load.after(200)
        report = load.stop()
        lost = sum(report[key] for key in LOST_WITH_A_PROCESS)
        self.assertEqual(report.lost, lost, report.summary())
        self.assertLessEqual(lost, clients * crashes, report.summary())
        self.assertGreaterEqual(report["ok"], 200 * (crashes + 1))
        self.assertEqual(report.late, 0, report.summary())


def value(daemon, name, **labels):
    """One series, or the sum of several."""
    return scrape(daemon).total(name, *(f'{label}="{text}"' for label, text in labels.items()))


def exits(daemon):
    """Workers that a signal has ended."""
    return value(daemon, "sockherd_worker_exits_total", pool="web", reason="signal")


class Blocking(DaemonCase):
    """Handlers that wait, and those that wait for them."""

    pool = 'blocking_threads = 2\nqueue_depth = 2\nqueue_timeout = "300ms"\nrequest_timeout = "1s"'

    def start(self, **options):
        """One worker, so that there is one queue."""
        return self.ready(module_config(module("probe"), workers=1, **options))

    def ask(self, daemon, milliseconds):
        """A connection with a request that waits."""
        wire = Wire(daemon.address("web"))
        self.addCleanup(wire.close)
        wire.send(f"GET /wait/{milliseconds} HTTP/1.1\r\nHost: x\r\n\r\n")
        return wire

    def test_the_loop_does_not_wait(self):
        """Others are answered while all threads are busy."""
        gate = Gate()
        self.addCleanup(gate.close)
        daemon = self.ready(module_config(bin_dir() / "test_blocking.so", prefix="/gated", workers=1,
                                          pool="blocking_threads = 1"))
        with Wire(daemon.address("web")) as waiting:
            waiting.send(f"GET /gated/gate?fifo={gate.path} HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: self.gauge(daemon, "running") == 1, "a handler that runs")
            for _ in range(100):
                self.assertEqual(daemon.get("/gated/plaintext").body, b"Hello, World!")
            self.assertEqual(self.gauge(daemon, "running"), 1)
            gate.open()
            self.assertEqual(waiting.receive().status, 200)

    def gauge(self, daemon, name):
        """Of the blocking pool."""
        return value(daemon, f"sockherd_blocking_{name}", pool="web")

    def test_limits_answer_and_are_counted(self):
        """2 run into request_timeout, 2 wait into queue_timeout, the rest is refused at once."""
        daemon = self.start(pool=self.pool)
        running = [self.ask(daemon, 4000) for _ in range(2)]
        until(lambda: self.gauge(daemon, "running") == 2, "two that run")
        waiting = [self.ask(daemon, 1) for _ in range(2)]
        until(lambda: self.gauge(daemon, "queued") == 2 or
              self.rejected(daemon, "queue_timeout"), "two that wait")
        surplus = [self.ask(daemon, 1).receive() for _ in range(5)]
        refused = [answer for answer in surplus if answer.status == 503]
        self.assertGreaterEqual(len(refused), 1)
        for answer in refused + [wire.receive() for wire in waiting]:
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "1"))
        self.assertEqual([wire.receive().status for wire in running], [504, 504])
        self.assertEqual(self.rejected(daemon, "request_timeout"), 2)
        self.assertEqual(self.rejected(daemon, "queue_full") + self.rejected(daemon, "queue_timeout"),
                         2 + len(refused))
        until(lambda: value(daemon, "sockherd_blocking_late_answers_total", pool="web") == 2,
              "the late answers")
        self.assertEqual((self.gauge(daemon, "running"), self.gauge(daemon, "queued")), (0, 0))

    def rejected(self, daemon, reason):
        """How many so far."""
        return value(daemon, "sockherd_blocking_rejected_total", pool="web", reason=reason)

    def test_a_drain_waits_for_what_runs(self):
        """The old worker answers what it has begun, and ends then."""
        daemon = self.start(pool='drain_timeout = "20s"')
        waiting = self.ask(daemon, 1500)
        until(lambda: self.gauge(daemon, "running") == 1, "a handler that runs")
        old = daemon.pids()
        answers = []
        reload = threading.Thread(target=lambda: answers.append(daemon.reload().json()))
        reload.start()
        self.assertEqual(waiting.receive().body, b"waited\n")
        reload.join()
        self.assertTrue(answers[0]["ok"])
        self.assertNotEqual(daemon.pids(), old)
        until(lambda: len(daemon.workers()) == 1, "the end of the old one", explain=daemon.log)
        self.assertNotIn("killed", daemon.log())


class Demo(DaemonCase):
    """It is built in."""

    def test_it_needs_no_file(self):
        """And serves below any prefix."""
        daemon = self.ready(basic_config())
        self.assertEqual(request(daemon.address("web"), "POST", "/echo", "hello").body, b"hello")


if __name__ == "__main__":
    unittest.main()
