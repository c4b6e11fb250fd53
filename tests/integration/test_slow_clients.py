"""Slowloris, RUDY, slow read and their kin: nobody else notices, each is ended, all are counted.

What must hold does not depend on how fast the machine is:

- The limits are chosen so that each kind of client meets exactly one of them, however late either
  side is. A dripped body is behind its rate after rate_grace, seconds before body_timeout; one that
  comes in one piece and stops has earned minutes at that rate, so that only body_timeout can end it;
  the same for what is read. So the counters are compared for equality.
- The others' 99th percentile is compared with the one that the same load had just before, on the
  same machine, and may be worse by a second and a half. That is far more than a busy machine adds,
  other suites included that begin meanwhile, and far less than an engine would that waits for one of
  the slow clients: the shortest of their deadlines is three seconds, and there are hundreds of them.
"""
import pathlib
import resource
import subprocess
import tempfile
import unittest

from tests.support.case import DaemonCase
from tests.support.daemon import basic_config
from tests.support.http import request
from tests.support.metrics import scrape
from tests.support.slow_clients import Manner, SlowClients
from tests.support.wait import until

EACH = 250  # clients of a kind
WORSE_MS = 1500

LIMITS = """
header_timeout = "3s"
body_timeout = "8s"
write_timeout = "8s"
keepalive_timeout = "8s"
min_body_rate = "1000B"
min_read_rate = "4KiB"
rate_grace = "1s"
"""
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;a="
GET = b"GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n"
BIG = b"GET /files/big HTTP/1.1\r\nHost: x\r\n\r\n"
SMALL_BUFFER = 2048  # the kernel makes some more of it

# name: what they do, the phase that counts them (sockherd_http_timeouts_total), the status they get
KINDS = {
    "a head, byte by byte": (Manner(b"GET / HTTP/1.1\r\nX: ", b"x"), "header", 408),
    "half a head": (Manner(b"GET / HTTP/1.1\r\nHost:"), "header", 408),
    "a body, byte by byte": (Manner(POST, b"x"), "body_rate", 408),
    "an endless chunk extension": (Manner(CHUNKED, b"x"), "body_rate", 408),
    "a body that stops": (Manner(POST + b"x" * 30000), "body", 408),
    "an answer, byte by byte": (Manner(BIG, reads=1, receive_buffer=SMALL_BUFFER), "read_rate", None),
    "an answer, up to its middle": (Manner(BIG, stops_after=6 << 20, receive_buffer=1 << 18),
                                     "write", None),
    "nothing at all": (Manner(), "keepalive", None),
    "one request, and nothing more": (Manner(GET), "keepalive", 200),
}


class SlowClientsCase(DaemonCase):
    """Many descriptors, and a file that is long enough."""

    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 8000:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sh-slow-", dir="/tmp"))
        cls.files = pathlib.Path(folder)
        cls.files.chmod(0o755)
        with open(cls.files / "big", "wb") as big:  # more than the kernel takes for both sides
            big.truncate(64 << 20)

    def config(self, **options):
        """The demo, and the file."""
        routes = f'{{ path = "/files/", files = "{self.files}" }}, {{ path = "/", module = "demo" }}'
        return basic_config(**options).replace('{ path = "/", module = "demo" }', routes)

    def attack(self, daemon):
        """Clients of that daemon."""
        return self.enterContext(SlowClients(daemon.address("web")))

    def good(self, daemon, **options):
        """Clients as they should be: some 500 requests a second."""
        return self.load(daemon, **{"path": "/plaintext", "body": "Hello, World!", "short": 4,
                                    "keepalive": 12, "think_ms": 40, "rate": 200, **options})


def timeouts(metrics):
    """{phase: count} of the clients that were too slow."""
    phases = {phase for _, phase, _ in KINDS.values()}
    return {phase: metrics.total("sockherd_http_timeouts_total", f'phase="{phase}"')
            for phase in phases}


class Attacks(SlowClientsCase):
    """All kinds at once."""

    def test_others_do_not_notice_and_each_is_ended_and_counted(self):
        """Two thousand of nine kinds."""
        daemon = self.ready(self.config(workers=2, pool=LIMITS))
        calm = self.good(daemon, count=2000).finish()
        self.assertEqual(calm.lost, 0, calm.summary())
        answered = scrape(daemon).total("sockherd_http_responses_total", 'code="4xx"')
        load = self.good(daemon)
        load.after(100)

        attack = self.attack(daemon)
        clients = {name: attack.add(EACH, manner) for name, (manner, _, _) in KINDS.items()}
        attack.until_ended(attack.all)

        report = load.stop()
        self.assertEqual(report.lost, 0, report.summary())
        self.assertGreater(report["ok"], 1000)
        before, during = (one["latency_ms"]["p99"] for one in (calm, report))
        self.assertLess(during, before + WORSE_MS)
        for name, (_, phase, status) in KINDS.items():
            with self.subTest(name):
                self.check_ends(clients[name], phase, status)
        expected = dict.fromkeys({phase for _, phase, _ in KINDS.values()}, 0)
        for _, phase, _ in KINDS.values():
            expected[phase] += EACH
        counted = until(lambda: (now := scrape(daemon)) and timeouts(now) == expected and now,
                        f"the counts {expected}", 10, explain=lambda: timeouts(scrape(daemon)))
        refused = sum(EACH for _, _, status in KINDS.values() if status == 408)
        self.assertEqual(counted.total("sockherd_http_responses_total", 'code="4xx"'),
                         answered + refused)
        self.assertEqual(self.half_closed(daemon), [])

    def check_ends(self, clients, phase, status):
        """Those who were asked for something get its status, once; who does not read is reset."""
        ends = {client.ended for client in clients}
        self.assertEqual(ends, {"reset" if phase in ("read_rate", "write") else "end"})
        if phase in ("read_rate", "write"):
            return
        answers = [client.answer() for client in clients]
        self.assertEqual({answer and answer.status for answer in answers}, {status})
        if status == 408:
            self.assertEqual({answer.headers["Connection"] for answer in answers}, {"close"})
            self.assertEqual({client.received.count(b"HTTP/1.1 ") for client in clients}, {1})

    def half_closed(self, daemon):
        """What the kernel would still try to deliver: a client that reads nothing must not keep
        megabytes of it when its connection is long gone here."""
        port = daemon.address("web").rsplit(":", 1)[1]
        return subprocess.run(["ss", "-tnH", "state", "fin-wait-1", f"sport = :{port}"], check=True,
                              text=True, capture_output=True).stdout.splitlines()


class Full(SlowClientsCase):
    """Slow clients hold every connection that a worker may have."""

    MOST, GOOD, MORE = 100, 16, 200

    def connections(self, daemon):
        """Open now."""
        return scrape(daemon).total("sockherd_worker_connections")

    def test_those_above_the_limit_are_told_and_the_listener_is_never_starved(self):
        """503 and Retry-After at once, to those who ask and those who say nothing; nobody is left in
        the queue; who was there before is served on; when the slow ones are ended there is room."""
        pool = f'max_connections = {self.MOST}\nheader_timeout = "5s"'
        daemon = self.ready(self.config(workers=1, threads=1, pool=pool))
        load = self.good(daemon, short=0, keepalive=self.GOOD, rate=10000, requests=1000000)
        until(lambda: self.connections(daemon) == self.GOOD, "the good ones are in")
        attack = self.attack(daemon)
        holders = attack.add(self.MOST - self.GOOD, Manner(b"GET / HTTP/1.1\r\nX: ", b"x"))
        attack.until(lambda: self.connections(daemon) == self.MOST, "the worker is full")

        asking = attack.add(self.MORE, Manner(GET))
        silent = attack.add(self.MORE, Manner())
        refused = asking + silent
        attack.until(lambda: all(one.received for one in refused), "all are told")
        self.assertEqual([one for one in holders if one.ended], [], "meanwhile it stayed full")
        for one in refused:
            answer = one.answer()
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "1"))
        load.after(100)

        attack.until_ended(attack.all)
        self.assertEqual({one.answer().status for one in holders}, {408})
        metrics = scrape(daemon)
        self.assertEqual(metrics.total("sockherd_worker_connections_refused_total"), 2 * self.MORE)
        self.assertEqual(metrics.total("sockherd_http_timeouts_total", 'phase="header"'),
                         len(holders))
        self.assertEqual(metrics.total("sockherd_listener_accept_queue_length"), 0)
        until(lambda: request(daemon.address("web"), "GET", "/plaintext").status == 200, "room")
        report = load.stop()
        self.assertEqual(report.lost, 0, report.summary())
        self.assertEqual(report["connections"], self.GOOD, "theirs were never ended")


class Endless(SlowClientsCase):
    """Clients that never leave."""

    def test_a_connection_ends_after_so_many_requests(self):
        """Its last answer says so; what was sent behind is not answered."""
        daemon = self.ready(self.config(workers=2, pool="max_connection_requests = 10"))
        attack = self.attack(daemon)
        clients = attack.add(EACH, Manner(GET * 12))
        attack.until_ended(clients)
        for client in clients:
            self.assertEqual(client.ended, "end")
            heads = bytes(client.received).split(b"HTTP/1.1 ")[1:]
            self.assertEqual([head[:3] for head in heads], [b"200"] * 10)
            self.assertEqual([b"\r\nConnection: close\r\n" in head for head in heads],
                             [False] * 9 + [True])
        metrics = scrape(daemon)
        self.assertEqual(metrics.total("sockherd_http_connections_exhausted_total"), EACH)
        self.assertEqual(metrics.total("sockherd_http_requests_total"), 10 * EACH)


if __name__ == "__main__":
    unittest.main()
