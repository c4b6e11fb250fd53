"""Workers with threads: each has its own sockets, and every promise holds for all of them."""
import contextlib
import os
import signal
import socket
import unittest

from tests.support import daemon as daemons
from tests.support import processes
from tests.support.case import ManagedCase
from tests.support.daemon import basic_config, equal_listeners, unix_listener
from tests.support.http import Wire
from tests.support.metrics import scrape
from tests.support.paths import program
from tests.support.spawn_worker import spawn_worker, tcp_listener
from tests.support.threads import FrozenThread, allowed_cpus, lanes
from tests.support.wait import until

KEEP = "GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n"
LOST_WITH_A_PROCESS = ("reset", "eof", "short_answer")


def config(workers, threads, pool=""):
    """A pool of `workers` times `threads`."""
    return basic_config(workers=workers, threads=threads, pool=pool)


class ThreadCase(ManagedCase):
    """What all of these need."""

    def sockets(self, daemon):
        """{(slot, thread): served} of the listener."""
        listeners = daemon.admin("GET", "/v1/listeners").json()["listeners"]
        return {(one["slot"], one["thread"]): one["served"] for one in listeners
                if one["name"] == "web"}

    def served(self, daemon):
        """Those that somebody accepts on. Of a socket that lost its thread it is said when that has gone."""
        return {owner for owner, is_served in self.sockets(daemon).items() if is_served}

    def wait_served(self, daemon, workers, threads):
        """Waits until these are served, and no other."""
        wanted = {(slot, thread) for slot in range(workers) for thread in range(threads)}
        until(lambda: self.served(daemon) == wanted, f"sockets of {workers} x {threads} threads, and no other",
              explain=lambda: f"{self.sockets(daemon)}\n{daemon.log()}")

    def connect(self, daemon, count):
        """Connections with a request on each."""
        wires = [Wire(daemon.address("web")) for _ in range(count)]
        for wire in wires:
            self.addCleanup(wire.close)
            wire.send(KEEP)
        return wires

    def wait_all_threads(self, daemon, workers, threads):
        """Asks until every thread of every worker has answered; {(slot, thread)}."""
        seen = set()
        with contextlib.ExitStack() as held:
            def ask():
                wire = held.enter_context(Wire(daemon.address("web")))
                answer = wire.ask(KEEP).json()
                seen.add((answer["slot"], answer.get("thread", 0)))
                return len(seen) >= workers * threads
            until(ask, f"{workers} x {threads} threads answer", explain=lambda: repr(seen))
        return seen

    def change(self, daemon, workers, threads):
        """A reload to other numbers, which must succeed."""
        daemon.rewrite(config(workers, threads))
        answer = daemon.reload()
        self.assertEqual((answer.status, answer.json()["ok"]), (200, True), daemon.log())
        daemon.wait_workers(workers)


class Topology(ThreadCase):
    """Who has which socket."""

    def test_each_thread_has_a_socket_of_its_own(self):
        """2 x 3 are six sockets and six threads, and all of them get connections."""
        daemon = self.ready(config(2, 3))
        everyone = {(slot, thread) for slot in range(2) for thread in range(3)}
        self.assertEqual(self.sockets(daemon), dict.fromkeys(everyone, True))
        self.assertEqual(self.wait_all_threads(daemon, 2, 3), everyone)
        for pid in daemon.pids().values():
            self.assertEqual(sorted(lanes(pid)), [0, 1, 2])

    def test_sockets_of_units_are_taken_first(self):
        """As many equal ListenStream= lines as threads: no clone, so no capability is needed."""
        daemon = self.ready(config(2, 2), sockets={"web": equal_listeners(4)})
        listeners = daemon.admin("GET", "/v1/listeners").json()["listeners"]
        self.assertEqual([one["adopted"] for one in listeners], [True] * 4)
        self.wait_all_threads(daemon, 2, 2)

    def test_threads_share_a_unix_socket(self):
        """AF_UNIX has no group; nobody is left waiting."""
        path = f"/tmp/sh-threads-{os.getpid()}"
        self.addCleanup(os.unlink, path)
        daemon = self.ready(config(2, 2), sockets={"web": [unix_listener(path)]})
        answers = [wire.receive().status for wire in self.connect(daemon, 100)]
        self.assertEqual(answers, [200] * 100)
        daemon.reload()
        self.assertEqual(self.connect(daemon, 1)[0].receive().status, 200)

    def test_pinned_threads_keep_their_cpus(self):
        """Thread t of slot s is on CPU (s * threads + t) mod n, also after a reload."""
        cpus = sorted(os.sched_getaffinity(0))
        daemon = self.ready(config(2, 2, pool='pin = "auto"'))
        for _ in range(2):
            for slot, pid in daemon.pids().items():
                for thread, tid in lanes(pid).items():
                    self.assertEqual(allowed_cpus(tid), {cpus[(slot * 2 + thread) % len(cpus)]})
            daemon.reload()
            daemon.wait_workers(2)

    def test_without_pin_they_run_where_they_like(self):
        """Off by default."""
        daemon = self.ready(config(1, 2))
        for tid in lanes(daemon.pids()[0]).values():
            self.assertEqual(allowed_cpus(tid), os.sched_getaffinity(0))


class Change(ThreadCase):
    """A reload changes the number of threads."""

    def test_nothing_is_lost_and_no_counter_goes_down(self):
        """1, 2, 4, 1, 3, 2, 1 threads under short, keep-alive and slow connections."""
        daemon = self.ready(config(2, 1))
        load = self.mixed_load(daemon)
        load.after(200)
        before = scrape(daemon)
        for threads in (2, 4, 1, 3, 2, 1):
            self.change(daemon, 2, threads)
            load.after(200)
            before = self.assert_counters_grow(daemon, before)
        self.assert_nothing_lost(load.stop(), daemon)
        self.wait_served(daemon, 2, 1)

    def test_who_hesitates_at_a_surplus_socket_is_answered(self):
        """TCP_DEFER_ACCEPT: the handshake is half done when the socket loses its thread."""
        listener = daemons.tcp_listener()
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
        daemon = self.ready(config(1, 4), sockets={"web": [listener]})
        load = self.load(daemon, slow=40, latency_ms=100, think_ms=50)
        load.after(100)
        for threads in (1, 4, 1, 2, 1):
            self.change(daemon, 1, threads)
            load.after(60)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_workers_and_threads_at_once(self):
        """4 x 1, 1 x 4, 2 x 2 and back."""
        daemon = self.ready(config(4, 1))
        load = self.mixed_load(daemon)
        load.after(200)
        for workers, threads in ((1, 4), (2, 2), (4, 1), (2, 2)):
            self.change(daemon, workers, threads)
            load.after(200)
        self.assert_nothing_lost(load.stop(), daemon)
        self.wait_all_threads(daemon, 2, 2)

    def test_a_failed_reload_leaves_the_threads(self):
        """The new sockets are masked and stay so; who served serves on."""
        daemon = self.ready(config(2, 1))
        load = self.mixed_load(daemon)
        load.after(100)
        broken = config(2, 3).replace('module = "demo"', 'files = "/nowhere/at/all"')
        daemon.rewrite(broken)
        self.assertFalse(daemon.reload().json().get("ok", False))
        load.after(200)
        self.assert_nothing_lost(load.stop(), daemon)
        self.wait_served(daemon, 2, 1)

    def test_idle_connections_move_to_a_worker_with_other_threads(self):
        """Whoever was connected is connected, whichever thread that was and is."""
        daemon = self.ready(config(1, 4))
        wires = self.connect(daemon, 40)
        self.assertEqual({wire.receive().status for wire in wires}, {200})
        for threads in (1, 3):
            old = daemon.pids()[0]
            self.change(daemon, 1, threads)
            until(lambda pid=old: not processes.is_alive(pid), "the end of the old one")
            answers = [wire.ask(KEEP) for wire in wires]
            self.assertEqual({answer.json()["pid"] for answer in answers},
                             {daemon.pids()[0]})
            self.assertEqual({answer.headers.get("connection") for answer in answers}, {None})
        used = {answer.json().get("thread") for answer in answers}
        self.assertEqual(used, {0, 1, 2}, "they are spread over the threads")


class Trouble(ThreadCase):
    """Crashes and hangs."""

    def test_what_waits_for_any_of_its_threads_survives_a_crash(self):
        """One worker of four threads: its queues are its successor's."""
        daemon = self.ready(config(1, 4))
        victim = daemon.pids()[0]
        os.kill(victim, signal.SIGSTOP)
        until(lambda: processes.stat_fields(victim)[0] == "T", "it stands still")
        waiting = self.connect(daemon, 60)
        os.kill(victim, signal.SIGKILL)
        answers = [wire.receive() for wire in waiting]
        self.assertEqual([answer.status for answer in answers], [200] * 60)
        self.assertNotIn(victim, {answer.json()["pid"] for answer in answers})

    def test_a_crash_under_load(self):
        """Lost is what it had accepted, and nobody waits."""
        clients = 12
        daemon = self.ready(config(2, 2))
        load = self.load(daemon, short=clients)
        for _ in range(3):
            load.after(200)
            victim = daemon.pids()[1]
            os.kill(victim, signal.SIGKILL)
            until(lambda dead=victim: daemon.pids().get(1, dead) != dead, "its successor")
        load.after(200)
        report = load.stop()
        lost = sum(report[key] for key in LOST_WITH_A_PROCESS)
        self.assertEqual((report.lost, report.late), (lost, 0), report.summary())
        self.assertLessEqual(lost, 3 * clients, report.summary())

    def test_one_thread_that_hangs_is_noticed(self):
        """The others turn and serve; what waits for that one is answered by the sibling. Not the main
        one: a process whose main thread was traced is not reported to its parent."""
        daemon = self.ready(config(2, 3, pool='hang_timeout = "500ms"'))
        victim = daemon.pids()[0]
        frozen = FrozenThread(lanes(victim)[2])
        waiting = self.connect(daemon, 60)
        answers = [wire.receive() for wire in waiting]
        self.assertEqual([answer.status for answer in answers], [200] * 60)
        answered = {(answer.json()["pid"], answer.json()["thread"]) for answer in answers}
        self.assertNotIn((victim, 2), answered)
        frozen.wait_end()
        until(lambda: scrape(daemon).total("sockherd_worker_exits_total", 'reason="hang"') == 1,
              "it is counted", explain=daemon.log)
        daemon.wait_workers(2)

    def test_the_supervisor_is_killed_and_threads_change(self):
        """The next one knows whose socket is whose."""
        daemon = self.ready(config(2, 1))
        load = self.mixed_load(daemon)
        load.after(100)
        for threads in (3, 2):
            self.change(daemon, 2, threads)
            self.wait_served(daemon, 2, threads)
            before = daemon.pids()
            owners = self.sockets(daemon)
            daemon.crash()
            self.assertEqual(daemon.pids(), before, "they serve on")
            until(lambda: self.sockets(daemon) == owners, "the same owners",
                  explain=lambda: f"{owners} {self.sockets(daemon)}\n{daemon.log()}")
            load.after(100)
        victim = daemon.pids()[1]  # of the predecessor: its slot is lent with all its sockets
        self.assert_nothing_lost(load.stop(), daemon)
        os.kill(victim, signal.SIGSTOP)
        until(lambda: processes.stat_fields(victim)[0] == "T", "it stands still")
        waiting = self.connect(daemon, 60)
        os.kill(victim, signal.SIGKILL)
        self.assertEqual([wire.receive().status for wire in waiting], [200] * 60)

    def test_the_state_file_is_lost(self):
        """Owners are dealt anew; the old workers finish, and nothing is lost."""
        daemon = self.ready(config(2, 3))
        load = self.mixed_load(daemon)
        load.after(100)
        daemon.kill()
        (daemon.runtime / "state").unlink()
        daemon.start()
        daemon.ready()
        daemon.wait_workers(2)
        load.after(200)
        self.assert_nothing_lost(load.stop(), daemon)
        self.wait_all_threads(daemon, 2, 3)


class Counts(ThreadCase):
    """The counters of all threads are one worker's."""

    def test_the_sum_is_every_request(self):
        """Over threads, reloads and a crash: what was answered is what is counted."""
        daemon = self.ready(config(2, 2))
        asked = 0
        for threads in (2, 3, 1):
            self.change(daemon, 2, threads)
            wires = self.connect(daemon, 40)
            for wire in wires:
                self.assertEqual(wire.receive().status, 200)
            asked += len(wires)
        os.kill(daemon.pids()[0], signal.SIGKILL)

        def counted():
            return scrape(daemon).total("sockherd_http_requests_total", 'pool="web"')
        until(lambda: counted() >= asked, "all are counted", explain=lambda: f"{counted()} {asked}")
        self.assertEqual(counted(), asked)

    def test_the_limit_of_connections_is_the_workers(self):
        """Divided among its threads, and what is above is answered 503."""
        daemon = self.ready(config(1, 2, pool="max_connections = 20"))
        wires = self.connect(daemon, 60)
        statuses = [wire.receive().status for wire in wires]
        self.assertEqual(statuses.count(503), 60 - statuses.count(200))
        self.assertLessEqual(statuses.count(200), 20)
        self.assertGreater(statuses.count(200), 9)


class Alone(unittest.TestCase):
    """sockherd-worker as the supervisor starts it, and as it must not."""

    def start(self, names, **environment):
        """A worker with a socket of its own under each name; (pid, its addresses)."""
        first = tcp_listener(0)
        sockets = [first] + [tcp_listener(first.getsockname()[1]) for _ in names[1:]]
        for one in sockets:
            self.addCleanup(one.close)
        pid = spawn_worker(program("sockherd-worker"), list(zip(names, sockets)),
                           environment=environment.items())
        return pid, [one.getsockname() for one in sockets]

    def exit_status(self, pid):
        """Waits for its end."""
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_it_serves_with_as_many_threads_as_it_is_told(self):
        """Lane 2 of two threads is the first one's; all sockets are accepted from."""
        names = ["web", "sockherd.lane.1.5.web", "sockherd.lane.2.9.web"]
        pid, addresses = self.start(names, SOCKHERD_THREADS="2")
        address = "{}:{}".format(*addresses[0])
        seen = set()
        for _ in range(60):
            with Wire(address) as wire:
                seen.add(wire.ask(KEEP).json()["thread"])
        self.assertEqual(seen, {0, 1})
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(self.exit_status(pid), 0)

    def test_a_thread_without_a_socket_shares_one(self):
        """Where nobody has made one for it."""
        pid, addresses = self.start(["web"], SOCKHERD_THREADS="3")
        with Wire("{}:{}".format(*addresses[0])) as wire:
            self.assertEqual(wire.ask(KEEP).status, 200)
        until(lambda: len(lanes(pid)) == 3, "three threads")
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(self.exit_status(pid), 0)

    def test_nonsense_is_refused(self):
        """Before anything is accepted."""
        for names, environment in ((["web"], {"SOCKHERD_THREADS": "0"}),
                                   (["web"], {"SOCKHERD_THREADS": "65"}),
                                   (["web"], {"SOCKHERD_THREADS": "two"}),
                                   (["sockherd.lane.1.web"], {"SOCKHERD_THREADS": "2"})):
            with self.subTest(names=names, environment=environment):
                pid, _ = self.start(names, **environment)
                self.assertEqual(self.exit_status(pid), 2)


if __name__ == "__main__":
    unittest.main()
