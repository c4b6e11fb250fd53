"""The access log: every answer is a line, whatever happens to the file, the disk or the reader."""
import collections
import json
import os
import pathlib
import re
import signal
import socket
import struct
import tempfile
import unittest

from tests.support import processes
from tests.support.case import ManagedCase
from tests.support.daemon import basic_config, stub_config
from tests.support.http import HalfRequest, Wire, connect, request
from tests.support.metrics import scrape
from tests.support.wait import until

COMBINED = re.compile(r'(\S+) - - \[(\d\d/[A-Z][a-z]{2}/\d{4}(?::\d\d){3} [+-]\d{4})\] '
                      r'"((?:[ !#-\[\]-~]|\\x[0-9A-F]{2})*)" (\d{3}) (\d+) '
                      r'"((?:[ !#-\[\]-~]|\\x[0-9A-F]{2})*)" "((?:[ !#-\[\]-~]|\\x[0-9A-F]{2})*)"')
GET = b"GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n"


class AccessLogCase(ManagedCase):
    """A daemon that logs to a file of its directory."""

    def logging(self, where="{}/access.log", style="combined", workers=2, more=""):
        """A daemon with an access log, ready."""
        daemon = self.daemon_class(basic_config())
        self.addCleanup(daemon.end)
        daemon.config.write_text(self.config(daemon, where, style, workers, more))
        daemon.start()
        return daemon.ready()

    @staticmethod
    def config(daemon, where="{}/access.log", style="combined", workers=2, more=""):
        """Its configuration."""
        return basic_config(workers, f'access_log = "{where.format(daemon.directory)}"\n'
                                     f'access_log_format = "{style}"\n{more}')

    @staticmethod
    def lines(daemon):
        """Of all files of the log, the oldest first."""
        files = sorted(daemon.directory.glob("access.log*"), key=lambda file: file.stat().st_ino)
        return [line for file in files for line in file.read_text().splitlines()]

    def wait_lines(self, daemon, count):
        """All of them, which are `count`."""
        until(lambda: len(self.lines(daemon)) >= count, f"{count} lines",
              explain=lambda: f"{len(self.lines(daemon))} lines\n{daemon.log()}")
        lines = self.lines(daemon)
        self.assertEqual(len(lines), count, "\n".join(lines[-5:]))
        return lines

    def statuses(self, daemon, count):
        """How often which status was logged."""
        matches = [COMBINED.fullmatch(line) for line in self.wait_lines(daemon, count)]
        self.assertNotIn(None, matches, self.lines(daemon))
        return collections.Counter(int(match[4]) for match in matches)


class Lines(AccessLogCase):
    """What is logged, and how."""

    def test_it_is_off_by_default(self):
        """No file, no thread."""
        daemon = self.ready()
        self.assertEqual(daemon.get("/plaintext").status, 200)
        for pid in daemon.pids().values():
            self.assertEqual(len(os.listdir(f"/proc/{pid}/task")), 1)

    def test_every_answer_is_a_line_under_load(self):
        """As many as the clients have counted, each of its own, and as the metric says."""
        daemon = self.logging()
        load = self.load(daemon, short=6, keepalive=8, think_ms=1)
        load.after(3000)
        report = load.stop()
        self.assert_nothing_lost(report, daemon)
        self.assertEqual(self.statuses(daemon, report["ok"]), {200: report["ok"]})
        until(lambda: scrape(daemon).total("sockherd_access_log_records_total") == report["ok"],
              "the metric to say so")
        self.assertEqual(scrape(daemon).total("sockherd_access_log_dropped_total"), 0)

    def test_several_threads_have_one_log(self):
        """Each loop has a ring of its own; the writer and the file are the worker's."""
        daemon = self.logging(workers=1, more="threads = 3")
        report = self.load(daemon, short=6, keepalive=8, think_ms=1, count=2000).finish()
        self.assert_nothing_lost(report, daemon)
        self.assertEqual(self.statuses(daemon, report["ok"]), {200: report["ok"]})

    def test_a_combined_line_says_it_all(self):
        """The fields of the format that every tool reads."""
        daemon = self.logging()
        with Wire(daemon.address("web")) as wire:
            wire.ask("GET /plaintext?a=b HTTP/1.1\r\nHost: x\r\nReferer: http://r/\r\n"
                     "User-Agent: me/1.0\r\n\r\n")
        match = COMBINED.fullmatch(self.wait_lines(daemon, 1)[0])
        self.assertEqual(match[1], "127.0.0.1")
        self.assertEqual(match.groups()[2:], ("GET /plaintext?a=b HTTP/1.1", "200", "13", "http://r/",
                                              "me/1.0"))

    def test_a_json_line_says_it_all(self):
        """One object a line, also for what is no UTF-8."""
        daemon = self.logging(style="json", workers=1)
        with Wire(daemon.address("web")) as wire:
            wire.ask("HEAD /plaintext?a=b HTTP/1.1\r\nHost: example.com\r\n\r\n", "HEAD")
        with connect(daemon.address("web")) as one:
            one.sendall(b"GET /plaintext HTTP/1.1\r\nHost: x\r\nUser-Agent: \xff\xc3\xa4\"\\\r\n\r\n")
            one.recv(4096)
        head, other = map(json.loads, self.wait_lines(daemon, 2))
        self.assertEqual({key: head[key] for key in (
            "pool", "slot", "client", "method", "target", "protocol", "host", "status", "bytes",
            "complete", "referer", "user_agent")}, {
                "pool": "web", "slot": 0, "client": "127.0.0.1", "method": "HEAD",
                "target": "/plaintext?a=b", "protocol": "HTTP/1.1", "host": "example.com",
                "status": 200, "bytes": 0, "complete": True, "referer": "", "user_agent": ""})
        self.assertGreater(head["seconds"], 0)
        self.assertRegex(head["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$")
        self.assertEqual(other["user_agent"], "\\xFF\u00e4\"\\")

    def test_nobody_forges_a_line(self):
        """Whatever the bytes, each answer is one line, and a line holds printable ASCII only."""
        daemon = self.logging(workers=1)
        forged = b'127.0.0.1 - - [21/Nov/2026:03:04:45 +0000] "GET /forged HTTP/1.1" 200 1 "-" "-"'
        tries = [b"GET /\n" + forged + b"\n HTTP/1.1\r\n\r\n", b"\"\n" + forged + b"\n",
                 b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: \" 200 1\r" + forged + b"\r\n\r\n",
                 b"GET /\x1b[2J HTTP/1.1\r\nHost: x\r\n\r\n", b"\0\0\0\n\n", b"\x16\x03\x01\xff\n",
                 b"GET /plaintext HTTP/1.1\r\nHost: x\r\nConnection: close\r\nReferer: \"" + forged +
                 b"\x80\r\n\r\n"]
        for each in tries:
            with connect(daemon.address("web")) as one:
                one.sendall(each)
                while one.recv(4096):
                    pass
        self.assertEqual(self.statuses(daemon, len(tries)), {400: len(tries) - 1, 200: 1})

    def test_what_is_refused_is_logged(self):
        """400, 404, 413, 414, 431, 501 and 505, each with what came of its first line."""
        daemon = self.logging(workers=1, more='max_body_size = "1KiB"')
        cases = [(400, b"GET /bad HTTP/1.1\r\nHost : x\r\n\r\n", "GET /bad HTTP/1.1"),
                 (404, b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                  "GET /none HTTP/1.1"),
                 (413, b"POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n",
                  "POST /big HTTP/1.1"),
                 (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", None),
                 (431, b"GET /wide HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20000 + b"\r\n\r\n",
                  "GET /wide HTTP/1.1"),
                 (501, b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", "BREW /pot HTTP/1.1"),
                 (505, b"GET /new HTTP/2.0\r\nHost: x\r\n\r\n", "GET /new HTTP/2.0")]
        for status, sent, _ in cases:
            with connect(daemon.address("web")) as one:
                one.sendall(sent)
                self.assertIn(b"HTTP/1.1 %d " % status, one.recv(4096))
        logged = {}
        for line in self.wait_lines(daemon, len(cases)):
            match = COMBINED.fullmatch(line)
            logged[int(match[4])] = match[3]
        for status, _, line in cases:
            self.assertEqual(logged[status], line or logged[status])
        self.assertTrue(logged[414].startswith("GET /aaa"), logged[414][:20])
        self.assertTrue(logged[414].endswith("aaa..."), logged[414][-20:])

    def test_who_is_too_slow_is_logged(self):
        """408, with what came of the first line."""
        daemon = self.logging(workers=1, more='header_timeout = "300ms"')
        with connect(daemon.address("web")) as one:
            one.sendall(b"GET /slo")
            self.assertIn(b"HTTP/1.1 408 ", one.recv(4096))
        match = COMBINED.fullmatch(self.wait_lines(daemon, 1)[0])
        self.assertEqual((match[4], match[3]), ("408", "GET /slo"))

    def test_connections_above_the_limit_are_logged(self):
        """The 503 of those that are told at length, and of those beyond."""
        daemon = self.logging(workers=1, more="max_connections = 2")
        held = [Wire(daemon.address("web")) for _ in range(2)]
        for wire in held:
            self.addCleanup(wire.close)
            wire.ask(GET.decode())
        for _ in range(3):
            self.assertEqual(request(daemon.address("web"), "GET", "/plaintext").status, 503)
        refused = [connect(daemon.address("web")) for _ in range(100)]  # 64 may linger
        for one in refused:
            self.addCleanup(one.close)
            self.assertIn(b" 503 ", one.recv(4096))
        self.assertEqual(self.statuses(daemon, 105), {200: 2, 503: 103})

    def test_a_client_that_hangs_up_is_logged(self):
        """Before its answer: 499. In the middle of it: its status and what it got, incomplete."""
        daemon = self.daemon_class(basic_config())
        self.addCleanup(daemon.end)
        (daemon.directory / "www").mkdir()
        (daemon.directory / "www/big").write_bytes(bytes(64 << 20))
        route = f'{{ path = "/www/", files = "{daemon.directory}/www" }}, {{ path = "/", module'
        daemon.config.write_text(self.config(daemon, style="json", workers=1)
                                 .replace('{ path = "/", module', route))
        daemon.start()
        daemon.ready()
        with connect(daemon.address("web")) as one:
            one.sendall(b"GET /io?ms=9000 HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: scrape(daemon).total("sockherd_http_requests_total") == 1, "the request")
            self.reset(one)
        self.wait_lines(daemon, 1)
        with connect(daemon.address("web")) as one:
            one.sendall(b"GET /www/big HTTP/1.1\r\nHost: x\r\n\r\n")
            seen = 0
            while seen < 100_000:
                seen += len(got := one.recv(65536))
                self.assertTrue(got, seen)
            self.reset(one)
        waiting, big = map(json.loads, self.wait_lines(daemon, 2))
        self.assertEqual((waiting["status"], waiting["bytes"], waiting["complete"]),
                         (499, 0, False))
        self.assertEqual((big["status"], big["complete"]), (200, False))
        self.assertGreaterEqual(big["bytes"], seen - 1000)  # but for the head
        self.assertLess(big["bytes"], 64 << 20)

    def test_a_client_that_resets_is_logged_with_its_address(self):
        """Nobody probes without a name: the kernel does not know it any more when it is logged."""
        daemon = self.logging()

        def hang_up():
            for _ in range(20):
                with connect(daemon.address("web")) as one:
                    one.sendall(GET)
                    self.reset(one)
            return len(self.lines(daemon)) >= 10
        until(hang_up, "lines of those that were read")
        self.assertEqual({line.split()[0] for line in self.lines(daemon)}, {"127.0.0.1"})

    @staticmethod
    def reset(connection):
        """What closing does to it from now on."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Rotation(AccessLogCase):
    """SIGUSR1 to the supervisor."""

    def rotate(self, daemon, number):
        """As logrotate(8) does; returns when all workers write to the new file."""
        mark = daemon.log().count("access-log-reopened")
        workers = len(daemon.workers())
        (daemon.directory / "access.log").rename(daemon.directory / f"access.log.{number}")
        daemon.signal(signal.SIGUSR1)
        until(lambda: daemon.log().count("access-log-reopened") >= mark + workers,
              "the workers to reopen", explain=daemon.log)

    def test_no_line_is_lost_under_load(self):
        """Twelve times, with a reload in between: as many lines as answers."""
        daemon = self.logging()
        load = self.load(daemon, short=6, keepalive=8, think_ms=1)
        for number in range(12):
            load.after(200)
            self.rotate(daemon, number)
            if number == 6:
                self.assertEqual(daemon.reload().status, 200)
                daemon.wait_workers(2)
        load.after(200)
        report = load.stop()
        self.assert_nothing_lost(report, daemon)
        self.assertEqual(self.statuses(daemon, report["ok"]), {200: report["ok"]})

    def test_a_worker_that_drains_reopens_too(self):
        """Its last answer is in the new file."""
        daemon = self.logging(workers=1)
        with HalfRequest(daemon.address("web")) as wire:
            until(lambda: scrape(daemon).total("sockherd_http_requests_total") == 2, "half of the request")
            self.assertEqual(daemon.reload().status, 200)
            self.rotate(daemon, 1)
            self.assertEqual(wire.finish(), (200, b"0123456789"))
        until(lambda: "/echo" in (daemon.directory / "access.log").read_text(), "the line")
        self.assertNotIn("/echo", (daemon.directory / "access.log.1").read_text())

    def test_adopted_workers_reopen_too(self):
        """Those that a supervisor before has started."""
        daemon = self.logging()
        before = daemon.pids()
        daemon.crash()
        daemon.wait_workers(2)
        self.assertEqual(daemon.pids(), before)
        self.rotate(daemon, 1)
        self.assertEqual(daemon.get("/plaintext").status, 200)
        until(lambda: (daemon.directory / "access.log").read_text(), "a line in the new file")

    def test_a_worker_can_be_told_itself(self):
        """And SIGUSR1 ends no worker, with a log or without."""
        daemon = self.logging(workers=1)
        (pid,) = daemon.pids().values()
        (daemon.directory / "access.log").rename(daemon.directory / "access.log.1")
        os.kill(pid, signal.SIGUSR1)
        until((daemon.directory / "access.log").exists, "the new file")
        silent = self.ready(basic_config(workers=1))
        (pid,) = silent.pids().values()
        os.kill(pid, signal.SIGUSR1)
        silent.signal(signal.SIGUSR1)
        silent.wait_log("reopening-logs")
        until(lambda: not processes.is_pending(pid, signal.SIGUSR1), "it has taken that")
        self.assertEqual(silent.whoami()["pid"], pid)

    def test_other_programs_are_left_alone(self):
        """They do not know what it means, and would die of it."""
        daemon = self.ready(stub_config(workers=1))
        before = daemon.pids()
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("reopening-logs workers=0")
        self.assertEqual(daemon.whoami()["pid"], before[0])
        self.assertEqual(daemon.pids(), before)

    def test_a_directory_that_is_gone_keeps_the_file_before(self):
        """And says so."""
        daemon = self.daemon_class(basic_config())
        self.addCleanup(daemon.end)
        (daemon.directory / "logs").mkdir()
        daemon.config.write_text(self.config(daemon, "{}/logs/access.log", workers=1))
        daemon.start()
        daemon.ready()
        (daemon.directory / "logs").rename(daemon.directory / "gone")
        daemon.signal(signal.SIGUSR1)
        daemon.wait_log("access-log-not-reopened")
        self.assertEqual(daemon.get("/plaintext").status, 200)
        until(lambda: (daemon.directory / "gone/access.log").read_text(), "the line")


class Trouble(AccessLogCase):
    """Serving goes on."""

    def assert_dropped(self, daemon, reason, at_least):
        """As the metric says."""
        until(lambda: scrape(daemon).total("sockherd_access_log_dropped_total",
                                           f'reason="{reason}"') >= at_least,
              f"{at_least} lost lines", explain=lambda: scrape(daemon))

    def test_a_full_disk(self):
        """Lines are lost and counted, and the log says so once."""
        daemon = self.logging("/dev/full", workers=1)
        report = self.load(daemon, short=4, keepalive=4, count=2000).finish()
        self.assert_nothing_lost(report, daemon)
        self.assert_dropped(daemon, "write", report["ok"])
        self.assertEqual(scrape(daemon).total("sockherd_access_log_records_total"), 0)
        self.assertEqual(daemon.log().count("access-log-write-failed"), 1, daemon.log())
        self.assertIn("No space left on device", daemon.log())

    def fifo(self, more=""):
        """A daemon that logs to a FIFO, and the end to read from, which nobody reads yet."""
        directory = self.temporary_directory()
        path = directory / "fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        daemon = self.logging(str(path), workers=1, more=more)
        return daemon, reader

    def temporary_directory(self):
        """A directory that goes away with the test."""
        holder = tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp")
        self.addCleanup(holder.cleanup)
        return pathlib.Path(holder.name)

    def test_a_reader_that_stands_still(self):
        """The buffer is full after a while: what comes then is dropped and counted; nobody waits."""
        daemon, reader = self.fifo('access_log_buffer = "64KiB"')
        self.addCleanup(os.close, reader)
        report = self.load(daemon, short=4, keepalive=4, count=4000).finish()
        self.assert_nothing_lost(report, daemon)
        self.assert_dropped(daemon, "full", 1)
        self.assertIn("access-log-full", daemon.log())
        # When it reads again, the log goes on.
        seen = bytearray()

        def goes_on():
            seen.extend(self.take(reader))
            return daemon.get("/none").status == 404 and b"GET /none " in seen
        until(goes_on, "the line of a request")

    @staticmethod
    def take(reader):
        """What is there to read."""
        try:
            return os.read(reader, 1 << 20)
        except BlockingIOError:
            return b""

    def test_a_reader_that_is_gone(self):
        """Lines are lost and counted until there is one again."""
        daemon, reader = self.fifo()
        os.close(reader)
        report = self.load(daemon, short=4, keepalive=4, count=1000).finish()
        self.assert_nothing_lost(report, daemon)
        self.assert_dropped(daemon, "write", report["ok"])
        self.assertIn("Broken pipe", daemon.log())

    def test_a_worker_that_drains_writes_its_last_lines(self):
        """Also those of a moment ago, when the writer has not looked yet."""
        daemon = self.logging()
        for _ in range(50):
            self.assertEqual(daemon.get("/plaintext").status, 200)
        daemon.signal(signal.SIGINT)
        self.assertEqual(daemon.exit_status(), 0)
        self.assertEqual(len(self.lines(daemon)), 50)

    def test_a_log_that_can_not_be_opened_is_refused_at_the_start(self):
        """With the place in the file, and what to do."""
        daemon = self.launch(basic_config(1, 'access_log = "/none/access.log"'))
        self.assertNotEqual(daemon.start_status(), None)
        self.assert_in(["sockherd.toml:7:14: pool.web.access_log = \"/none/access.log\"",
                        "No such file or directory; create its directory"],
                       daemon.log().replace("\\", ""))

    def test_a_log_that_can_not_be_opened_is_refused_at_a_reload(self):
        """Whoever served serves on, with the log before."""
        daemon = self.logging()
        before = daemon.pids()
        daemon.rewrite(self.config(daemon, "/none/access.log"))
        answer = daemon.reload()
        self.assertEqual(answer.status, 500, answer)
        self.assert_in(["pool.web.access_log", "create its directory"],
                       answer.body.decode().replace("\\", ""))
        self.assertEqual(daemon.pids(), before)
        self.assertEqual(daemon.get("/plaintext").status, 200)
        self.wait_lines(daemon, 1)

    def test_a_reload_moves_the_log(self):
        """New workers write to the new file."""
        daemon = self.logging()
        self.assertEqual(daemon.get("/plaintext").status, 200)
        daemon.rewrite(self.config(daemon, "{}/other.log", style="json"))
        self.assertEqual(daemon.reload().status, 200)
        daemon.wait_workers(2)  # until it has ended, an old one may have accepted once more
        self.assertEqual(daemon.get("/plaintext").status, 200)
        other = daemon.directory / "other.log"
        until(lambda: other.exists() and other.read_text(), "a line in the new file")
        self.assertEqual(json.loads(other.read_text())["status"], 200)
        self.wait_lines(daemon, 1)


class Stdout(AccessLogCase):
    """What the supervisor was started with."""

    def test_lines_go_to_standard_output(self):
        """Without colours where that is no terminal."""
        daemon = self.logging("stdout")
        self.assertEqual(daemon.get("/plaintext").status, 200)
        daemon.wait_log('"GET /plaintext HTTP/1.1" 200 13')


if __name__ == "__main__":
    unittest.main()
