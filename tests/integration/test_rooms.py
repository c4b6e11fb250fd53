"""Rooms: whoever is in one hears everybody else in it, in whatever worker, thread or generation; on other machines
by a Redis. What does not arrive is counted, exactly."""
import contextlib
import os
import signal
import socket
import threading
import unittest

from tests.support.case import ManagedCase
from tests.support.daemon import THREADS, basic_config
from tests.support.http import Wire
from tests.support.metrics import scrape
from tests.support.redis_server import RedisServer
from tests.support.wait import until
from tests.support.websocket import CLOSE, TEXT, WebSocketWire, accept_of, handshake

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ROUTES = """routes = [{ path = "/room", websocket = "room:lobby" }, { path = "/", module = "demo" }]"""


def config(workers, more="", threads=THREADS):
    """A pool with a room; nobody is ended for being stopped by a test."""
    text = basic_config(workers, pool=f'hang_timeout = "0s"\n{more}', threads=threads)
    return text.replace('routes = [{ path = "/", module = "demo" }]', ROUTES)


class Client(WebSocketWire):
    """In the room, and knows in which worker that is. `heard`: all that was said, once listen() has been called."""

    def __init__(self, daemon):  # pylint: disable=super-init-not-called
        Wire.__init__(self, daemon.address("web"))
        self.pid = self.ask(b"GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n").json()["pid"]
        answer = self.ask(handshake("x", "/room", KEY))
        assert answer.headers["Sec-WebSocket-Accept"] == accept_of(KEY), answer
        self.heard = []
        self.ended = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        try:
            while (frame := self.receive_frame()).opcode != CLOSE:
                if frame.opcode == TEXT:
                    self.heard.append(frame.payload.decode())
        except (OSError, EOFError, ValueError):
            pass
        self.ended.set()

    def close(self):
        """Ends the reading first, which would hold up the end of the file otherwise."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        super().close()

    def of(self, sender):
        """What it has heard of one that says "sender number"."""
        return [text for text in list(self.heard) if text.split()[0] == sender]


def said(sender, count, first=0):
    """What that one says."""
    return [f"{sender} {i}" for i in range(first, first + count)]


class RoomCase(ManagedCase):
    """What all of these need."""

    def client(self, daemon):
        """One more in the room."""
        made = Client(daemon)
        self.addCleanup(made.close)
        return made

    def client_in(self, daemon, pid):
        """One in that worker."""
        met = []
        for _ in range(200):
            made = self.client(daemon)
            if made.pid == pid:
                return made
            met.append(made.pid)
            made.close()
        self.fail(f"no connection to {pid}, but to {set(met)}\n{daemon.log()}")

    @staticmethod
    def say(client, texts, together=50):
        """Many at once."""
        for i in range(0, len(texts), together):
            for text in texts[i:i + together]:
                client.send_text(text)

    def assert_hears(self, client, sender, texts):
        """All of them, in this order, and nothing else of that sender."""
        until(lambda: len(client.of(sender)) >= len(texts), f"{len(texts)} messages of {sender}",
              explain=lambda: f"{len(client.of(sender))} were heard")
        self.assertEqual(client.of(sender), texts)


class Rooms(RoomCase):
    """On one machine."""

    def test_everybody_hears_everybody_in_order(self):
        """In all workers and threads."""
        daemon = self.ready(config(3))
        clients = [self.client(daemon) for _ in range(18)]
        self.assertGreater(len({client.pid for client in clients}), 1)
        for number, client in enumerate(clients):
            self.say(client, said(f"c{number}", 20))
        for client in clients:
            for number in range(len(clients)):
                self.assert_hears(client, f"c{number}", said(f"c{number}", 20))
        metrics = scrape(daemon)
        self.assertEqual(metrics.total("sockherd_room_messages_total"), 18 * 20)
        self.assertEqual(metrics.total("sockherd_room_deliveries_total"), 18 * 18 * 20)
        self.assertEqual(metrics.total("sockherd_bus_missed_total"), 0)

    def test_a_room_spans_generations(self):
        """A reload, while old workers still have members."""
        daemon = self.ready(config(2, 'websocket_drain = "10m"\ndrain_timeout = "15m"'))
        old = [self.client(daemon) for _ in range(12)]
        self.assertEqual(daemon.reload().status, 200)
        young = self.client(daemon)
        self.assertNotIn(young.pid, {client.pid for client in old})
        self.say(young, said("young", 10))
        staying = [client for client in old if not client.ended.wait(0)]
        self.assertTrue(staying)
        until(lambda: any(client.of("young") == said("young", 10) for client in staying), "one that hears it all")
        speaker = next(client for client in staying if client.of("young") == said("young", 10))
        self.say(speaker, said("old", 10))
        self.assert_hears(young, "old", said("old", 10))

    def test_a_worker_that_is_killed_blocks_nobody(self):
        """In the middle of a flood: others hear each other without a gap, and its successor too."""
        daemon = self.ready(config(3, 'bus_buffer = "16MiB"', threads=1))
        pids = list(daemon.pids().values())
        victim, other, ear = (self.client_in(daemon, pid) for pid in pids)
        flood = threading.Thread(target=self.flood, args=(victim,), daemon=True)
        flood.start()
        until(lambda: len(ear.of("victim")) > 300, "the flood")
        self.say(other, said("other", 300))
        os.kill(pids[0], signal.SIGKILL)
        self.say(other, said("other", 300, first=300))
        self.assert_hears(ear, "other", said("other", 600))
        flood.join()
        heard = ear.of("victim")
        self.assertEqual(heard, said("victim", len(heard)))
        until(lambda: len(set(daemon.pids().values()) - set(pids)) == 1, "the successor")
        daemon.wait_workers(3)
        successor = self.client_in(daemon, (set(daemon.pids().values()) - set(pids)).pop())
        self.say(successor, said("successor", 50))
        self.assert_hears(ear, "successor", said("successor", 50))
        self.say(other, said("more", 50))
        self.assert_hears(successor, "more", said("more", 50))
        self.assertEqual(scrape(daemon).total("sockherd_bus_missed_total"), 0)

    @staticmethod
    def flood(client):
        """Until it is cut off."""
        try:
            for i in range(1_000_000):
                client.send_text(f"victim {i}")
        except OSError:
            pass

    def test_rooms_survive_the_supervisor(self):
        """kill -9 of it: the same members, and new workers are in the same rooms."""
        daemon = self.ready(config(2))
        first = self.client(daemon)
        daemon.crash()
        second = self.client(daemon)
        self.say(first, said("first", 10))
        self.assert_hears(second, "first", said("first", 10))
        self.assertEqual(daemon.scale(4).status, 200)
        daemon.wait_workers(4)
        new = set(daemon.pids().values()) - {first.pid, second.pid}
        third = self.client(daemon)
        while third.pid not in new:
            third = self.client(daemon)
        self.say(second, said("second", 10))
        self.say(third, said("third", 10))
        for client in (first, second, third):
            self.assert_hears(client, "second", said("second", 10))
            self.assert_hears(client, "third", said("third", 10))

    def test_what_a_stopped_worker_misses_is_counted(self):
        """SIGSTOP during a flood of many times its buffer: heard + counted = said."""
        daemon = self.ready(config(2, 'bus_buffer = "64KiB"', threads=1))
        pids = list(daemon.pids().values())
        speaker, ear = (self.client_in(daemon, pid) for pid in pids)
        self.say(speaker, said("s", 10))
        self.assert_hears(ear, "s", said("s", 10))
        os.kill(ear.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, ear.pid, signal.SIGCONT)
        self.say(speaker, said("s", 20_000, first=10))
        self.assert_hears(speaker, "s", said("s", 20_010))
        os.kill(ear.pid, signal.SIGCONT)
        until(lambda: ear.of("s")[-1:] == said("s", 1, first=20_009), "the last one")
        missed = scrape(daemon).total("sockherd_bus_missed_total")
        self.assertEqual(len(ear.of("s")) + missed, 20_010)
        self.assertGreater(missed, 0)
        self.assertEqual(sorted(set(ear.of("s")), key=lambda text: int(text.split()[1])), ear.of("s"))


class OverRedis(RoomCase):
    """On two machines, as far as rooms are concerned."""

    def two(self, redis, more=""):
        """Daemons of their own on one Redis."""
        text = config(1, f'bus = "{redis.url}"\n{more}', threads=1)
        daemons = self.ready(text), self.ready(text)
        for daemon in daemons:
            until(lambda d=daemon: scrape(d).total("sockherd_remote_bus_connected") == 1, "the bus",
                  explain=daemon.log)
        return daemons

    def test_rooms_reach_other_machines(self):
        """With a password, which nobody gets to see."""
        with RedisServer(password="hunter2") as redis:
            here, there = self.two(redis)
            a, b = self.client(here), self.client(there)
            until(lambda: redis.ask("PUBSUB", "NUMSUB", "sockherd:web:lobby").split()[-1] == "2", "both")
            self.say(a, said("a", 100))
            self.say(b, said("b", 100))
            for client in (a, b):
                self.assert_hears(client, "a", said("a", 100))
                self.assert_hears(client, "b", said("b", 100))
            shown = here.log() + here.ctl("config", "show", str(here.config)).stdout
            self.assertNotIn("hunter2", shown)
            self.assertIn("***", shown)

    def test_what_is_lost_while_redis_is_away_is_counted(self):
        """Killed and started twice under load: said = heard + dropped here + missed there."""
        with RedisServer() as redis:
            here, there = self.two(redis, "bus_queue = 200")
            a, near, far = self.client(here), self.client(here), self.client(there)
            until(lambda: redis.ask("PUBSUB", "NUMSUB", "sockherd:web:lobby").split()[-1] == "2", "both")
            count = 0
            for _ in range(2):
                self.say(a, said("a", 2000, first=count))
                redis.kill()
                self.say(a, said("a", 2000, first=count + 2000))
                count += 4000
                self.assert_hears(near, "a", said("a", count))
                redis.start()
                until(lambda: scrape(here).total("sockherd_remote_bus_queue_length") == 0, "an empty queue")
            self.say(a, said("a", 50, first=count))
            count += 50

            def accounted():
                return (len(far.of("a")) + scrape(here).total("sockherd_remote_bus_dropped_total") +
                        scrape(there).total("sockherd_remote_bus_missed_total"))

            until(lambda: accounted() == count, "all accounted for",
                  explain=lambda: f"{accounted()} of {count}, {len(far.of('a'))} heard")
            numbers = [int(text.split()[1]) for text in far.of("a")]
            self.assertEqual(numbers, sorted(set(numbers)), "in order, each once")
            self.assertGreater(scrape(here).total("sockherd_remote_bus_dropped_total"), 0)

    def test_a_wrong_password_is_said_once_with_its_remedy(self):
        """And rooms go on within the machine."""
        with RedisServer(password="hunter2") as redis:
            url = redis.url.replace("hunter2", "hunter3")
            daemon = self.ready(config(1, f'bus = "{url}"', threads=1))
            daemon.wait_log("bus-lost")
            self.assertIn("redis://USER:PASSWORD@ADDRESS", daemon.log())
            a, b = self.client(daemon), self.client(daemon)
            self.say(a, said("a", 100))
            self.assert_hears(b, "a", said("a", 100))
            self.assertNotIn("hunter", daemon.log())
            self.assertEqual(daemon.log().count("bus-lost"), 1)


if __name__ == "__main__":
    unittest.main()
