"""Whom the proxy asks, how many at a time, who waits, and what becomes of those that fail: over all
workers and threads, since the counts are shared."""
import select
import socket
import threading
import unittest
import zlib

from tests.support.http import Wire
from tests.support.proxied import GET, ProxyCase
from tests.support.stub_upstream import answer
from tests.support.wait import DEADLINE, until

POST = "POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"


class OneAtATime(ProxyCase):
    """max_in_flight, seen from behind."""

    def test_never_two_over_all_workers_and_threads(self):
        """Each of three upstreams counts what it has in hand; the proxy has four workers of two threads."""
        most, served = [0] * 3, [0] * 3

        def conduct_of(index):
            lock, state = threading.Lock(), {"now": 0}

            def conduct(peer):
                while call := peer.read_call():
                    with lock:
                        state["now"] += 1
                        most[index] = max(most[index], state["now"])
                    zlib.crc32(bytes(300_000))  # takes a while, and others can run
                    with lock:
                        state["now"] -= 1
                        served[index] += 1
                    peer.send(answer(call.target.encode()))
            return conduct
        upstreams = [self.upstream(conduct=conduct_of(index)) for index in range(3)]
        daemon = self.proxy(*upstreams, workers=4, threads=2,
                            pool='max_in_flight = 1\nqueue_timeout = "1m"')
        load = self.load(daemon, path="/x", short=16, keepalive=48, count=6000)
        report = load.finish()
        self.assert_nothing_lost(report, daemon)
        self.assertEqual(most, [1, 1, 1])
        self.assertEqual(sum(served), report["ok"])
        self.assertGreater(min(served), report["ok"] // 10, "and all of them work")

    def held(self, **options):
        """(daemon, upstream, release): with one request that is in hand until release.set()."""
        release = threading.Event()
        self.addCleanup(release.set)

        def handler(peer, call):
            if call.target == "/held":
                release.wait(DEADLINE)
            peer.send(answer(call.target.encode()))
        upstream = self.upstream(handler)
        daemon = self.proxy(upstream, **options)
        self.holder = self.wire(daemon, timeout=60)
        self.holder.send(GET.format("/held"))
        upstream.wait_calls(1)
        return daemon, upstream, release

    def is_answered(self, daemon, wire):
        """Whether that request was refused, once the worker has read it: it reads what comes in order, and is
        alone, so it has when later ones are answered, which are none."""
        for _ in range(2):
            with Wire(daemon.address("web")) as other:
                self.assertEqual(other.ask("no request\r\n\r\n").status, 400)
        return bool(select.select([wire.socket], [], [], 0)[0])

    def ask_until_full(self, daemon, count):
        """Wires whose requests wait in the queue, in their order, and one that was refused: the queue takes
        `count`."""
        waiting, refused = [], []

        def is_full():
            wire = self.wire(daemon, timeout=60)
            wire.send(GET.format(f"/{len(waiting)}"))
            (refused if self.is_answered(daemon, wire) else waiting).append(wire)
            return refused
        until(is_full, "a full queue")
        self.assertEqual(len(waiting), count)
        return waiting, refused[0]

    def test_a_full_queue_is_503_at_once(self):
        """With Retry-After; who waits is answered in the end, in order, and the upstream never hears of others."""
        daemon, upstream, release = self.held(
            pool='max_in_flight = 1\nqueue_depth = 2\nqueue_timeout = "1h"')
        waiting, refused = self.ask_until_full(daemon, 2)
        got = refused.receive()
        self.assertEqual((got.status, got.headers["Retry-After"]), (503, "1"))
        release.set()
        self.assertEqual([wire.receive().body for wire in waiting], [b"/0", b"/1"])
        self.assertEqual(refused.ask(GET.format("/again")).body, b"/again")
        self.assertEqual(upstream.targets(), ["/held", "/0", "/1", "/again"])

    def test_who_waits_too_long_is_503(self):
        """And never arrives."""
        daemon, upstream, release = self.held(pool='max_in_flight = 1\nqueue_timeout = "200ms"')
        got = self.get(daemon, "/late")
        self.assertEqual((got.status, got.headers["Retry-After"]), (503, "1"))
        release.set()
        self.assertEqual(self.holder.receive().body, b"/held")
        self.assertEqual(self.get(daemon, "/next").body, b"/next")
        self.assertEqual(upstream.targets(), ["/held", "/next"])

    def test_who_leaves_the_queue_is_not_asked_for(self):
        """A client that has gone while it waited: its request never arrives, and its place is another's."""
        daemon, upstream, release = self.held(
            pool='max_in_flight = 1\nqueue_depth = 2\nqueue_timeout = "1h"')
        waiting, _ = self.ask_until_full(daemon, 2)
        waiting[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        waiting[0].close()  # with a reset
        last = []

        def has_room():
            wire = self.wire(daemon, timeout=60)
            wire.send(GET.format("/new"))
            if not self.is_answered(daemon, wire):
                last.append(wire)
            return last
        until(has_room, "room in the queue")
        release.set()
        self.assertEqual([wire.receive().body for wire in (waiting[1], last[0])], [b"/1", b"/new"])
        self.assertEqual(upstream.targets(), ["/held", "/1", "/new"])

    def test_a_slow_client_does_not_keep_a_place(self):
        """A short body that does not come to its end costs the upstream nothing: others go before it."""
        upstream = self.upstream(lambda peer, call: peer.send(answer(call.target.encode())))
        daemon = self.proxy(upstream, pool="max_in_flight = 1")
        slow = self.wire(daemon)
        slow.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
        for _ in range(20):
            self.assertEqual(self.get(daemon, "/fast").body, b"/fast")
        self.assertEqual(slow.ask("67890").body, b"/slow")


class WhoIsAsked(ProxyCase):
    """Of several."""

    def test_the_one_that_has_less_to_do_whoever_has_given_it(self):
        """A request is in hand at one of two: all others go to the other one, over all workers."""
        release = threading.Event()
        self.addCleanup(release.set)

        def handler(peer, call):
            if call.target == "/held":
                release.wait(DEADLINE)
            peer.send(answer(call.target.encode()))
        upstreams = [self.upstream(handler) for _ in range(2)]
        daemon = self.proxy(*upstreams, workers=3, threads=2, pool='slow_start = "0s"')
        holder = self.wire(daemon, timeout=60)
        holder.send(GET.format("/held"))
        busy = until(lambda: [one for one in upstreams if one.calls], "the request")[0]
        for _ in range(60):
            self.assertEqual(self.get(daemon, "/x").body, b"/x")
        self.assertEqual(busy.targets(), ["/held"])
        release.set()
        self.assertEqual(holder.receive().body, b"/held")

    def test_one_that_is_gone_is_ejected_and_comes_back(self):
        """Nobody notices either; no request is lost, POSTs too, for nothing was sent."""
        upstreams = [self.upstream() for _ in range(2)]
        daemon = self.proxy(*upstreams, workers=2,
                            pool='eject_time = "1h"\nprobe_interval = "50ms"\nslow_start = "0s"')
        gone, there = upstreams
        gone.refuse()
        for turn in range(60):
            with Wire(daemon.address("web")) as wire:
                got = wire.ask((GET if turn % 2 else POST).format("/x"))
                self.assertEqual(got.status, 200, got)
        self.assertEqual(len(there.calls), 60)
        gone.listen()

        def is_back():
            self.assertEqual(self.get(daemon).status, 200)
            return gone.calls
        until(is_back, "the one that was gone to be asked again", explain=daemon.log)

    def test_one_that_talks_nonsense_is_ejected(self):
        """After eject_failures in a row; the last one that is left is always asked."""
        bad = self.upstream(lambda peer, call: (peer.send(b"nonsense\r\n\r\n"), peer.finish()))
        good = self.upstream()
        daemon = self.proxy(bad, good, pool='eject_failures = 2\neject_time = "1h"\n'
                                            'probe = "/healthz"\nprobe_interval = "50ms"')
        statuses = [self.get(daemon).status for _ in range(200)]
        self.assertEqual(statuses.count(502), len([call for call in bad.calls if call.target == "/"]))
        self.assertLessEqual(statuses.count(502), 2)
        self.assertEqual(set(statuses[-100:]), {200})
        alone = self.upstream(lambda peer, call: (peer.send(b"nonsense\r\n\r\n"), peer.finish()))
        daemon = self.proxy(alone, pool='eject_failures = 2\neject_time = "1h"')
        self.assertEqual({self.get(daemon).status for _ in range(10)}, {502})
        self.assertGreater(len(alone.calls), 5)

    def test_a_kept_connection_that_was_closed_is_no_failure(self):
        """An upstream that ends its connections behind its answers without a word: GETs never notice."""
        def handler(peer, call):
            peer.send(answer(call.target.encode()))
            peer.close()
        daemon = self.proxy(self.upstream(handler))
        wire = self.wire(daemon)
        for number in range(300):
            self.assertEqual(wire.ask(GET.format(f"/{number}")).body, f"/{number}".encode())

    def test_nothing_is_sent_twice_that_must_not(self):
        """A POST that was heard and not answered: 502, and one request behind the proxy; of two upstreams."""
        upstreams = [self.upstream(lambda peer, call: peer.close()) for _ in range(2)]
        daemon = self.proxy(*upstreams, pool="eject_failures = 0")
        for number in range(10):
            with Wire(daemon.address("web")) as wire:
                self.assertEqual(wire.ask(POST.format(f"/{number}")).status, 502)
        targets = sorted(sum((one.targets() for one in upstreams), []))
        self.assertEqual(targets, [f"/{number}" for number in range(10)])


if __name__ == "__main__":
    unittest.main()
