"""Idle connections move from a worker that drains to one that serves on; their clients notice nothing."""
import collections
import concurrent.futures
import random
import resource
import select
import signal
import time
import unittest

from tests.support import processes
from tests.support.case import ManagedCase
from tests.support.daemon import basic_config
from tests.support.faults import Trace
from tests.support.http import connect
from tests.support.metrics import scrape
from tests.support.wait import until

GET = b"GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n"
CLIENTS = 2000
# Sends are late where this process is, and its thousands of answers are read by one loop: nothing of ours makes
# a second of it, and what was forgotten would wait for ever.
SLOW = 10.0
TINY = 'drain_idle = "1ms"\ndrain_spread = "0s"'


def reach(moment):
    """Lets a moment come that was drawn at random: nothing is waited for."""
    until(lambda: time.monotonic() >= moment, "the moment")


class Client:
    """A keep-alive connection that is never opened again."""

    def __init__(self, address):
        self.socket = connect(address)
        self.received = b""
        self.asked_at = 0.0
        self.seconds = 0.0
        self.is_last = False  # the answer said so

    def ask(self):
        """Sends a request; the outcome, if there is one at once."""
        self.received, self.asked_at = b"", time.monotonic()
        try:
            self.socket.sendall(GET)
        except OSError as error:
            return type(error).__name__
        return None

    def on_readable(self):
        """The outcome, if there is one now."""
        try:
            piece = self.socket.recv(4096)
        except OSError as error:
            return type(error).__name__
        self.received += piece
        if self.received.endswith(b"Hello, World!"):
            self.seconds = time.monotonic() - self.asked_at
            self.is_last = b"Connection: close" in self.received
            return "slow" if self.seconds > SLOW else "answered"
        return None if piece else "end of file"


def play(clients, moments):
    """Lets each client ask at its moment (seconds from now); how often each outcome came."""
    begun = time.monotonic()
    waiting = collections.deque(sorted(zip(moments, clients), key=lambda pair: pair[0]))
    asked = {}
    outcomes = collections.Counter()
    poller = select.epoll()
    with poller:
        while waiting or asked:
            pause = max(0.0, begun + waiting[0][0] - time.monotonic()) if waiting else 20.0
            ready = poller.poll(pause)
            if not ready and not waiting:
                outcomes["no answer"] += len(asked)
                break
            for number, _ in ready:
                if outcome := asked[number].on_readable():
                    poller.unregister(number)
                    del asked[number]
                    outcomes[outcome] += 1
            while waiting and begun + waiting[0][0] <= time.monotonic():
                client = waiting.popleft()[1]
                if outcome := client.ask():
                    outcomes[outcome] += 1
                    continue
                asked[client.socket.fileno()] = client
                poller.register(client.socket, select.EPOLLIN)
    return outcomes


class MovingConnections(ManagedCase):
    """Clients that send their next request at a random moment around a change of workers."""

    def setUp(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
        self.random = random.Random(4)

    def clients(self, daemon, count=CLIENTS):
        """Connections that have had one answer each."""
        clients = [Client(daemon.address("web")) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.socket.close)
        self.assertEqual(play(clients, [0.0] * count), {"answered": count})
        return clients

    def assert_all_live(self, clients):
        """Those that were not told otherwise are answered once more. Told are those whose request was
        under way when their worker drained: few, unless the machine has other things to do."""
        kept = [client for client in clients if not client.is_last]
        self.assertGreater(len(kept), len(clients) / 2)
        self.assertEqual(play(kept, [0.0] * len(kept)), {"answered": len(kept)})

    def play_beside(self, clients, action):
        """Every client asks once around the action. That is done here, since what a thread has
        started ends with it (PR_SET_PDEATHSIG)."""
        moments = [self.random.uniform(0.0, 1.0) for _ in clients]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            outcomes = pool.submit(play, clients, moments)
            reach(time.monotonic() + 0.3)
            action()
            return outcomes.result()

    def assert_nobody_notices(self, daemon, clients, action):
        """All requests around the action are answered, on the connections that were there."""
        outcomes = self.play_beside(clients, action)
        self.assertEqual(outcomes, {"answered": len(clients)}, daemon.log())
        self.assert_all_live(clients)
        metrics = scrape(daemon)
        self.assertEqual(metrics.total("sockherd_worker_connections_given_total"),
                         metrics.total("sockherd_worker_connections_adopted_total"))
        self.assertGreater(metrics.total("sockherd_worker_connections_given_total"), 0)

    def assert_reload_is_not_noticed(self, workers, pool=""):
        """Three times, with all connections idle or about to ask."""
        daemon = self.ready(basic_config(workers=workers, pool=pool))
        clients = self.clients(daemon)
        for _ in range(3):
            self.assert_nobody_notices(daemon, clients, daemon.reload)
            clients = [client for client in clients if not client.is_last]

    def test_reload(self):
        """All workers at once."""
        self.assert_reload_is_not_noticed(2)

    def test_reload_of_one_worker(self):
        """There is nobody else when it is told to drain, but for its successor."""
        self.assert_reload_is_not_noticed(1, TINY)

    def test_reload_with_a_tiny_grace(self):
        """drain_idle is for what cannot move."""
        self.assert_reload_is_not_noticed(2, TINY)

    def test_scale_down(self):
        """Three of four workers give, the first one takes."""
        daemon = self.ready(basic_config(workers=4, pool=TINY))
        self.assert_nobody_notices(daemon, self.clients(daemon), lambda: daemon.scale(1))
        daemon.wait_workers(1)

    def test_rolling_restart(self):
        """One after the other: some connections move more than once."""
        daemon = self.ready(basic_config(workers=4, pool=TINY))
        clients = self.clients(daemon)
        self.assert_nobody_notices(
            daemon, clients, lambda: daemon.admin("POST", "/v1/pools/web/restart", {}))

    def test_supervisor_restart(self):
        """The successor adopts the workers and replaces them."""
        daemon = self.ready(basic_config(workers=4, pool=TINY))
        before = daemon.worker_processes()
        clients = self.clients(daemon)

        def restart():
            daemon.restart()
            until(lambda: not daemon.worker_processes() & before, "new workers", explain=daemon.log)
        self.assert_nobody_notices(daemon, clients, restart)

    def test_supervisor_is_killed_in_a_reload(self):
        """What the workers have given waits in the control sockets for its successor. Only the one
        connection that the supervisor had in its hands (for some microseconds) ends with it."""
        daemon = self.ready(basic_config(workers=2, pool=TINY))
        clients = self.clients(daemon)
        before = daemon.worker_processes()

        def crash():
            daemon.signal(signal.SIGHUP)
            until(lambda: daemon.worker_processes() != before, "workers that are to replace the old")
            reach(time.monotonic() + self.random.uniform(0.0, 0.03))
            daemon.crash()
            # The new ones, or, where they were not known to PID 1 yet, the old ones as before.
            until(lambda: len(daemon.worker_processes()) == 2, "two workers", explain=daemon.log)
        outcomes = self.play_beside(clients, crash)
        kept = [client for client in clients if not client.is_last]
        outcomes += play(kept, [0.0] * len(kept))
        lost = len(clients) + len(kept) - outcomes["answered"]
        self.assertLessEqual(lost, 2, f"{outcomes}\n{daemon.log()}")  # of one connection, twice

    def test_supervisor_is_killed_before_it_has_saved(self):
        """Nobody is told to go before whoever comes next knows it. Here writing that down takes long."""
        daemon = self.ready(basic_config(workers=2, pool=TINY))
        clients = self.clients(daemon)
        with Trace(daemon.pid, ["-e", "trace=rename", "-e", "inject=rename:delay_enter=500000"]):
            daemon.signal(signal.SIGHUP)
            until(lambda: "reloaded generation=2" in daemon.log(), "the end of the reload")
            daemon.crash()
        until(lambda: len(daemon.worker_processes()) == 2, "two workers", explain=daemon.log)
        self.assertEqual(play(clients, [0.0] * len(clients)), {"answered": len(clients)},
                         daemon.log())

    def test_supervisor_is_killed_before_it_has_told_them(self):
        """It is saved that they drain, and nobody has told them: the next one does."""
        daemon = self.ready(basic_config(workers=2, pool=TINY + '\ndrain_timeout = "1h"'))
        clients = self.clients(daemon)
        before = daemon.worker_processes()
        with Trace(daemon.pid, ["-e", "trace=pidfd_send_signal",
                                "-e", "inject=pidfd_send_signal:signal=SIGKILL:when=1"]):
            daemon.signal(signal.SIGHUP)
            until(lambda: daemon.process.poll() is not None, "its end", explain=daemon.log)
        daemon.crash()
        until(lambda: len(daemon.worker_processes() - before) == 2 == len(daemon.worker_processes()),
              "the new workers alone", explain=daemon.log)
        self.assertEqual(play(clients, [0.0] * len(clients)), {"answered": len(clients)},
                         daemon.log())

    def test_old_workers_end_at_once(self):
        """There is nothing left for them to do, though no client has gone."""
        daemon = self.ready(basic_config(workers=2, pool='drain_idle = "1h"'))
        clients = self.clients(daemon) + [Client(daemon.address("web")) for _ in range(50)]
        for client in clients[CLIENTS:]:
            self.addCleanup(client.socket.close)  # have not said anything yet
        until(lambda: scrape(daemon).total("sockherd_worker_connections") == len(clients),
              "they are accepted, or the new workers would do that")
        before = daemon.pids().values()
        self.assertEqual(daemon.reload().status, 200)
        until(lambda: not any(map(processes.is_alive, before)), "the end of the old workers")
        self.assert_all_live(clients)
        metrics = scrape(daemon)
        self.assertEqual(metrics.total("sockherd_worker_connections"), len(clients))
        self.assertEqual(metrics.total("sockherd_worker_connections_adopted_total"), len(clients))
        self.assertGreaterEqual(metrics.total("sockherd_worker_connections_accepted_total"),
                                len(clients))

    def test_more_than_a_worker_may_have(self):
        """Above max_connections they are served on, and told to go with their next answer."""
        daemon = self.ready(basic_config(workers=4, pool="max_connections = 100"))
        clients = self.clients(daemon, 120)
        self.assertEqual(daemon.scale(1).status, 200)
        daemon.wait_workers(1)
        self.assertEqual(play(clients, [0.0] * len(clients)), {"answered": len(clients)})
        last = sum(client.is_last for client in clients)
        self.assertGreater(last, 0)
        self.assertLess(last, 60)

    def test_stop_ends_them(self):
        """There is nobody to go to: they end as ever, after their last request."""
        daemon = self.ready(basic_config(workers=2, pool='drain_idle = "100ms"'), stop_means=None)
        clients = self.clients(daemon, 200)
        daemon.stop()
        self.assertEqual(daemon.living(), [])
        self.assertEqual({client.socket.recv(1) for client in clients}, {b""})

    def test_stop_while_they_move(self):
        """A reload and, at once, a stop: it ends, and soon."""
        daemon = self.ready(basic_config(workers=2, pool='drain_idle = "100ms"'), stop_means=None)
        clients = self.clients(daemon)
        before = daemon.worker_processes()
        daemon.signal(signal.SIGHUP)
        until(lambda: daemon.worker_processes() != before, "workers that are to replace the old")
        daemon.stop()
        self.assertEqual(daemon.living(), [])
        self.assertEqual({client.socket.recv(1) for client in clients}, {b""})


if __name__ == "__main__":
    unittest.main()
