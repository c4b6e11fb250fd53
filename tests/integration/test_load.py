"""sockherdctl bench: what it counts is what was served, and its latencies leave nothing out."""
import http.server
import json
import os
import pathlib
import pty
import signal
import subprocess
import tempfile
import threading
import unittest
import xml.dom.minidom

from tests.support.case import DaemonCase
from tests.support.daemon import reserved_port
from tests.support.metrics import scrape
from tests.support.paths import program
from tests.support.wait import until
from tests.support.web_socket_stub import WebSocketStub

FAILED, USAGE = 1, 2
CLOSE, PING, PONG, BINARY, TEXT = 8, 9, 10, 2, 1


def bench(*arguments):
    """Runs it; the process that has ended."""
    return subprocess.run([program("sockherdctl"), "bench", *map(str, arguments)], text=True,
                          capture_output=True, timeout=120, check=False)


def measured(*arguments, status=0):
    """What it says with --json."""
    done = bench(*arguments, "--json")
    if done.returncode != status:
        raise AssertionError(done)
    return json.loads(done.stdout)


WEB_SOCKETS = """
[listener.web]
[pool.web]
listeners = ["web"]
workers = 2
routes = [{ path = "/echo", websocket = "echo" }, { path = "/room", websocket = "room:all" }]
"""


class Stalling(http.server.ThreadingHTTPServer):
    """Answers at once, but for one request: that takes half a second, and all others wait for it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, stalled=-1):
        super().__init__(("127.0.0.1", 0), Handler)
        self.stalled, self.count, self.lock = stalled, 0, threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        self.requests = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Clients leave when the load is over."""


class Handler(http.server.BaseHTTPRequestHandler):
    """What it is asked for by its path."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):  # noqa: N802, the name is the library's
        """Also of POST."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.count += 1
            self.server.requests.append((self.command, self.path, dict(self.headers), body))
            if self.server.count == self.server.stalled:
                threading.Event().wait(0.5)
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\nabc\r\n0\r\n\r\n")
            return
        if self.path == "/to-the-end":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nto the end")
            self.close_connection = True
            return
        if self.path == "/nonsense":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
            return
        self.send_response(503 if self.path == "/busy" else 200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        """Nothing."""


class Http(unittest.TestCase):
    """Against a server of the standard library."""

    def server(self, **options):
        """Ended with the test."""
        server = Stalling(**options)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def test_every_framing_and_status(self):
        """Each is an answer; what the server closes is opened again."""
        server = self.server()
        for path, status in (("", "200"), ("busy", "503"), ("chunked", "200"), ("to-the-end", "200")):
            with self.subTest(path):
                report = measured("http", server.url + path, "--count", 40, "--connections", 4)
                self.assertEqual(report["statuses"], {status: 40})
                self.assertEqual((report["sent"], report["answered"], report["errors"]), (40, 40, 0))
                self.assertEqual(report["latency_ns"]["count"], 40)

    def test_the_request_is_as_asked_for(self):
        """Method, body, fields."""
        server = self.server()
        with tempfile.NamedTemporaryFile("wb") as body:
            body.write(b"from a file")
            body.flush()
            measured("http", server.url + "x?y=1", "--count", 1, "--connections", 1, "--body",
                     f"@{body.name}", "--header", "X-One: 1", "--header", "Host: else")
        method, path, headers, body = server.requests[0]
        self.assertEqual((method, path, body), ("POST", "/x?y=1", b"from a file"))
        self.assertEqual((headers["X-One"], headers["Host"]), ("1", "else"))

    def test_nothing_is_omitted_while_the_server_stalls(self):
        """Of a schedule of 400 a second, 200 are due in half a second: those wait, and are told of. Had the
        client waited with it, one request would have been slow."""
        server = self.server(stalled=100)
        report = measured("http", server.url, "--rate", 400, "--count", 800, "--connections", 1,
                          "--duration", "60s")  # it is over with the last one
        self.assertEqual((report["answered"], report["unsent"]), (800, 0))
        # The last of those that were due in the first 400 ms of the stall still waited for 100 ms.
        self.assertGreater(report["latency_ns"]["p90"], 100e6)
        self.assertGreater(report["latency_ns"]["max"], 500e6)

    def test_what_is_no_answer(self):
        """Counted by kind, and a failure."""
        report = measured("http", self.server().url + "nonsense", "--count", 5, "--connections", 1,
                          status=FAILED)
        self.assertEqual(report["answered"], 0)
        self.assertEqual(set(report["errors_by_kind"]), {"bad answer"})

    def test_nobody_there(self):
        """Refused, and exit status 1."""
        holder, port = reserved_port()
        self.addCleanup(holder.close)
        report = measured("http", f"http://127.0.0.1:{port}/", "--duration", "200ms", "--connections", 3, status=FAILED)
        self.assertEqual(set(report["errors_by_kind"]), {"refused"})

    def test_bounds(self):
        """--fail-on decides the exit status, and says why."""
        url = self.server().url
        done = bench("http", url, "--count", 10, "--fail-on", "p50>1ns,errors>0")
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("p50>1ns: it is", done.stderr)
        self.assertNotIn("errors", done.stderr)
        self.assertEqual(bench("http", url, "--count", 10, "--fail-on", "p50>1000s").returncode, 0)

    def test_an_interrupt_ends_it_with_the_report(self):
        """Of what there was by then."""
        server = self.server()
        with subprocess.Popen([program("sockherdctl"), "bench", "http", server.url, "--duration", "1h",
                               "--processes", "2", "--json"], text=True, stdout=subprocess.PIPE) as load:
            until(lambda: server.count > 500, "there is load")  # of which some are not answered yet
            load.send_signal(signal.SIGINT)
            report = json.loads(load.communicate(timeout=30)[0])
        self.assertTrue(report["interrupted"])
        self.assertGreater(report["answered"], 100)
        self.assertEqual(load.returncode, 0)

    def test_files(self):
        """--save and --svg."""
        with tempfile.TemporaryDirectory() as directory:
            json_file, svg_file = (pathlib.Path(directory, name) for name in ("a.json", "a.svg"))
            done = bench("http", self.server().url, "--duration", "1200ms", "--save", json_file, "--svg",
                         svg_file)
            self.assertEqual(done.returncode, 0, done)
            report = json.loads(json_file.read_text())
            self.assertIn(f"{report['answered']:,} answered", done.stdout)
            self.assertGreater(len(report["samples"]), 2)
            picture = xml.dom.minidom.parse(str(svg_file))
            self.assertEqual(len(picture.getElementsByTagName("polyline")), 3)

    def test_the_bar_is_for_terminals(self):
        """Escape sequences go to nothing else."""
        command = [program("sockherdctl"), "bench", "http", self.server().url, "--duration", "300ms"]
        primary, secondary = pty.openpty()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=secondary) as load:
            self.assertNotIn(b"\x1b", load.communicate(timeout=60)[0])
        os.close(secondary)
        with os.fdopen(primary, "rb", buffering=0) as terminal:
            self.assertIn(b"\x1b[K", terminal.read(65536))
        self.assertNotIn("\x1b", bench(*command[2:]).stderr)

    def test_usage(self):
        """Exit status 2 and what was expected."""
        for arguments, why in (
                (("http", "https://x/"), "TLS is not supported"),
                (("ws", "wss://x/"), "TLS is not supported"),
                (("ws", "http://x/"), "must begin with ws://"),
                (("http", "http://127.0.0.1:1/", "--connections", "0"), "--connections must be"),
                (("http", "http://127.0.0.1:1/", "--rate", "-1"), "--rate must be"),
                (("http", "http://127.0.0.1:1/", "--duration", "soon"), "--duration must be"),
                (("http", "http://127.0.0.1:1/", "--header", "x"), "--header must be"),
                (("http", "http://127.0.0.1:1/", "--fail-on", "x>1"), "is no bound"),
                (("http", "http://127.0.0.1:1/", "--source", "x"), "source addresses"),
                (("http", "http://127.0.0.1:1/", "--ramp", "1s", "--connect-rate", "1"), "choose one"),
                (("http", "http://127.0.0.1:1/", "--close", "--pipeline", "2"), "exclude"),
                (("ws", "ws://127.0.0.1:1/", "--receive", "--hold"), "excludes"),
                (("ws", "ws://127.0.0.1:1/", "--receive", "--size", "8"), "--size of 16"),
                (("http", "http://127.0.0.1:1/", "--processes", "60"), "--processes must be"),
                (("ws", "ws://127.0.0.1:1/", "--senders", "2"), "--receive")):
            with self.subTest(arguments):
                done = bench(*arguments)
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done)
                self.assertIn(why, done.stderr)


class Doctor(unittest.TestCase):
    """The checks of limits, for any number of connections."""

    def doctor(self, *arguments):
        """Runs it."""
        return subprocess.run([program("sockherdctl"), "doctor", *arguments], text=True, capture_output=True,
                              timeout=30, check=False)

    def test_few_are_no_matter(self):
        """Exit status 0, and the facts."""
        done = self.doctor("--connections", "10", "--outgoing")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("Nothing is in the way of 10 connections", done.stdout)
        facts = json.loads(self.doctor("--connections", "10", "--json").stdout)["machine"]
        self.assertEqual(facts["files_most"], int(pathlib.Path("/proc/sys/fs/file-max").read_text()))

    def test_a_hundred_million_are_too_many(self):
        """Exit status 1, each with a remedy."""
        done = self.doctor("--connections", "100000000", "--workers", "1", "--outgoing", "--json")
        self.assertEqual(done.returncode, FAILED, done)
        findings = json.loads(done.stdout)["findings"]
        self.assertLessEqual({"descriptors", "ports", "memory", "tcp_mem"}, {one["check"] for one in findings})
        self.assertTrue(all(one["remedy"] for one in findings))

    def test_usage(self):
        """Exit status 2."""
        for arguments in (("--connections", "0"), ("--connections", "many"), ("--workers", "0")):
            self.assertEqual(self.doctor(*arguments).returncode, USAGE)


class WebSockets(unittest.TestCase):
    """Against a server that says what a test wants."""

    def test_echoes_of_every_size(self):
        """Each is checked; the end is a handshake with 1000."""
        with WebSocketStub(lambda socket: socket.echo()) as stub:
            for size in (0, 15, 16, 125, 126, 65535, 65536, 300_000):
                with self.subTest(size):
                    report = measured("ws", stub.url, "--count", 6, "--connections", 3, "--size", size)
                    self.assertEqual((report["sent"], report["answered"], report["errors"]), (6, 6, 0))
                    self.assertEqual(report["closes"], {"1000": 3})

    def test_connections_that_are_held_echo_at_the_end(self):
        """And are pinged meanwhile."""
        pongs = []

        def serve(socket):
            socket.send(PING, b"there?")
            while (came := socket.receive())[0] != PONG:
                socket.send(*came)  # a message that was sent before the ping was seen
            pongs.append(came)
            socket.echo()
        with WebSocketStub(serve) as stub:
            report = measured("ws", stub.url, "--hold", "--duration", "300ms", "--connections", 20,
                              "--echo-at-end", "--processes", 3)
        self.assertEqual(pongs, [(PONG, b"there?")] * 20)
        self.assertEqual((report["echoed"], report["answered"], report["sent"]), (20, 20, 20))

    def test_a_room(self):
        """Every message at every connection, the sender's too; and what is missing is told."""
        members, lock, all_there = [], threading.Lock(), threading.Barrier(10)
        left_out = []

        def serve(socket):
            with lock:
                members.append(socket)
            all_there.wait(60)  # a client has its 101 before we know of it
            while (came := socket.receive()) and came[0] != CLOSE:
                with lock:
                    for member in members:
                        if member not in left_out:
                            member.send(*came)
            with lock:
                members.remove(socket)
            socket.send(*came)
        with WebSocketStub(serve) as stub:
            arguments = ("ws", stub.url, "--receive", "--connections", 10, "--senders", 2, "--rate",
                         100, "--count", 50, "--processes", 2)
            report = measured(*arguments)
            self.assertEqual((report["sent"], report["answered"], report["missing"]), (50, 500, 0))
            self.assertEqual(report["latency_ns"]["count"], 500)
            until(lambda: not members, "everybody has left")
            left_out.extend([None])

            def drop_one(socket):
                with lock:
                    if None in left_out:
                        left_out[:] = [socket]
                serve(socket)
            stub.serve = drop_one
            report = measured(*arguments)
            self.assertEqual((report["sent"], report["answered"], report["missing"]), (50, 450, 50))

    def test_what_servers_do_wrong(self):
        """Counted by kind; exit status 1 where nothing works."""
        def other_payload(socket):
            came = socket.receive()
            socket.send(BINARY, b"y" * len(came[1]))
            socket.receive()

        def leave(socket):
            socket.receive()

        def masked(socket):
            socket.receive()
            socket.connection.sendall(b"\x82\x81abcdx")
            socket.receive()
        for serve, kind in ((other_payload, "wrong echo"), (leave, "closed early"), (masked, "bad answer")):
            with self.subTest(kind), WebSocketStub(serve) as stub:
                report = measured("ws", stub.url, "--count", 4, "--connections", 4, status=FAILED)
                self.assertEqual(report["errors_by_kind"], {kind: 4})
                self.assertEqual((report["sent"], report["lost"]), (4, 4))
        with WebSocketStub(lambda socket: None, accept=lambda key: "x" * 28) as stub:
            report = measured("ws", stub.url, "--connections", 2, "--duration", "1s", status=FAILED)
            self.assertEqual(report["errors_by_kind"], {"handshake refused": 2})

    def test_closes_by_code(self):
        """Those of the server, while nothing was asked."""
        def serve(socket):
            socket.send(CLOSE, (1001).to_bytes(2, "big"))
            socket.receive()
        with WebSocketStub(serve) as stub:
            report = measured("ws", stub.url, "--hold", "--duration", "2s", "--connections", 5)
        self.assertEqual((report["closes"], report["connections"]["ended"]), ({"1001": 5}, 5))
        self.assertEqual(report["errors"], 0)

    def test_a_slow_answer_is_a_timeout(self):
        """Each message has its time; the connection goes with it."""
        with WebSocketStub(lambda socket: [socket.receive(), socket.receive()]) as stub:
            report = measured("ws", stub.url, "--count", 2, "--connections", 2, "--timeout", "2s",
                              status=FAILED)
        self.assertEqual(report["errors_by_kind"], {"answer timeout": 2})


class Sockherd(DaemonCase):
    """Against our own daemon."""

    def test_counts_agree_with_the_servers(self):
        """Requests and connections, exactly, with several processes and addresses."""
        daemon = self.ready()
        before = scrape(daemon)
        report = measured("http", f"http://{daemon.address('web')}/whoami", "--count", 3000,
                          "--connections", 40, "--processes", 3, "--source", "127.0.0.2-127.0.0.9",
                          "--pipeline", 4)
        self.assertEqual((report["answered"], report["statuses"], report["errors"]), (3000, {"200": 3000}, 0))

        def grown(name):
            return scrape(daemon).total(name) - before.total(name)
        until(lambda: grown("sockherd_worker_connections_accepted_total") == 40, "all connections are counted")
        until(lambda: grown("sockherd_http_requests_total") == 3000, "all requests are counted")

    def test_messages_agree_with_the_servers(self):
        """WebSockets, messages and closes, exactly; compressed ones too."""
        daemon = self.ready(WEB_SOCKETS)
        url = f"ws://{daemon.address('web')}/"
        before = scrape(daemon)

        def grown(name, *labels):
            return scrape(daemon).total(name, *labels) - before.total(name, *labels)
        for more in ((), ("--deflate", "--text", "--size", 5000), ("--pipeline", 8, "--size", 70_000)):
            report = measured("ws", url + "echo", "--count", 1000, "--connections", 20, "--processes", 2, *more)
            self.assertEqual((report["sent"], report["answered"], report["errors"]), (1000, 1000, 0))
            self.assertEqual(report["closes"], {"1000": 20})
        room = measured("ws", url + "room", "--receive", "--senders", 3, "--count", 60, "--rate", 200,
                        "--connections", 30, "--processes", 2)
        self.assertEqual((room["sent"], room["answered"], room["missing"]), (60, 1800, 0))
        until(lambda: scrape(daemon).total("sockherd_websocket_connections") == 0, "none is open")
        self.assertEqual(grown("sockherd_websocket_messages_received_total"), 3060)
        self.assertEqual(grown("sockherd_websocket_messages_sent_total"), 3000 + 1800)
        self.assertEqual(grown("sockherd_websocket_opened_total"), 90)
        self.assertEqual(grown("sockherd_websocket_closes_total", 'code="1000"'), 90)

    def test_a_connection_for_each_request(self):
        """--close."""
        daemon = self.ready()
        before = scrape(daemon).total("sockherd_worker_connections_accepted_total")
        report = measured("http", f"http://{daemon.address('web')}/whoami", "--count", 200, "--connections",
                          5, "--close")
        self.assertEqual((report["answered"], report["errors"]), (200, 0))
        opened = report["connections"]["opened"]
        self.assertGreaterEqual(opened, 200)
        until(lambda: scrape(daemon).total("sockherd_worker_connections_accepted_total") - before == opened,
              "all connections are counted")


if __name__ == "__main__":
    unittest.main()
