"""kill -9 of the supervisor: its workers serve on, and the next one takes them over as they are."""
import json
import os
import signal
import unittest

from tests.support import processes
from tests.support.case import ManagedCase
from tests.support.daemon import basic_config, stub_config
from tests.support.http import HalfRequest, Wire
from tests.support.metrics import scrape
from tests.support.wait import until

GET = "GET /whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ECHO = (200, b"0123456789")
LOST_WITH_A_PROCESS = ("reset", "eof", "short_answer")  # an accepted connection dies like this

# What may be in the place of the state file.
BAD_STATES = (b"", b"{", b"null", b"[]", b"[1, 2, 3]", b"\0" * 4096, b'{"workers": 3}',
              b'{"generation": "many", "pools": [], "workers": {}}', b'{"generation": -1}',
              b'{"generation": 1e300}', b"[" * 100_000)


class AdoptionCase(ManagedCase):
    """What all of these need."""

    def half_requests(self, daemon, count):
        """Connections that are in the middle of something."""
        wires = [HalfRequest(daemon.address("web")) for _ in range(count)]
        for wire in wires:
            self.addCleanup(wire.close)
        return wires

    def queued(self, daemon, count):
        """Connections with a request, which nobody has accepted yet."""
        wires = [Wire(daemon.address("web")) for _ in range(count)]
        for wire in wires:
            self.addCleanup(wire.close)
            wire.send(GET)
        return wires

    @staticmethod
    def freeze(pids):
        """SIGSTOP, and waits until it has taken effect: from then on they accept nothing."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            until(lambda p=pid: processes.stat_fields(p)[0] == "T", f"{pid} stopped")

    def kill_with(self, daemon, *victims):
        """Supervisor and workers, before the one could notice the end of the others."""
        self.freeze([daemon.pid])
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        daemon.kill()
        until(lambda: not any(map(processes.stat_fields, victims)), "their end")


class Crash(AdoptionCase):
    """The supervisor alone."""

    def test_nothing_is_lost_and_nobody_is_replaced(self):
        """Eight times, under every kind of load: same processes, same slots, same generation."""
        daemon = self.ready(basic_config(workers=4))
        daemon.wait_all_answer(4)
        before, generation = daemon.pids(), daemon.whoami()["generation"]
        load = self.mixed_load(daemon)
        load.after(200)
        for _ in range(8):
            daemon.crash()
            self.assertEqual(daemon.pids(), before, daemon.log())
            load.after(200)
        self.assertEqual(daemon.whoami()["generation"], generation)
        self.assert_all_serve(daemon, 4)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assert_not_more_processes(daemon, 4)
        self.assertEqual(daemon.notify.faults, [])

    def test_nobody_notices_while_there_is_no_supervisor(self):
        """All workers serve on, as long as it takes."""
        daemon = self.ready(basic_config(workers=3))
        daemon.wait_all_answer(3)
        before = daemon.worker_processes()
        load = self.mixed_load(daemon)
        daemon.kill()
        load.after(2000)
        daemon.wait_all_answer(3)
        self.assertEqual(daemon.worker_processes(), before)
        daemon.start()
        daemon.ready()
        load.after(200)
        self.assertEqual(set(daemon.pids().values()), before)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_requests_in_the_middle_are_finished(self):
        """By the worker that has begun them."""
        daemon = self.ready()
        wires = self.half_requests(daemon, 20)
        daemon.crash()
        daemon.crash()
        self.assertEqual([wire.finish() for wire in wires], [ECHO] * 20)

    def test_workers_are_taken_over_as_they_are(self):
        """Not only the process: how long it has lived, how often its slot was restarted, and why."""
        daemon = self.ready()
        victim = daemon.pids()[1]
        os.kill(victim, signal.SIGSEGV)
        until(lambda: daemon.pids().get(1, victim) != victim, "the successor", explain=daemon.log)
        before = daemon.wait_workers(2)
        daemon.crash()
        for then, now in zip(before, daemon.wait_workers(2)):
            for key in ("slot", "pid", "generation", "state", "restarts", "last_exit"):
                self.assertEqual(now[key], then[key], key)
            self.assertGreaterEqual(now["uptime_seconds"], then["uptime_seconds"])

    def test_counters_go_on(self):
        """None goes down, and requests are counted exactly over three supervisors."""
        daemon = self.ready(basic_config(workers=3))
        os.kill(daemon.pids()[2], signal.SIGKILL)
        daemon.wait_workers(3)
        self.assertEqual(daemon.reload().status, 200)
        self.assertEqual(daemon.scale(2).status, 200)
        daemon.wait_workers(2)
        asked = 0
        metrics = scrape(daemon)
        for act in (daemon.crash, daemon.restart, daemon.crash):
            asked += self.load(daemon, count=500).finish()["ok"]
            self.wait_requests(daemon, asked)
            metrics = self.assert_counters_grow(daemon, metrics)
            act()
            self.wait_requests(daemon, asked)
            metrics = self.assert_counters_grow(daemon, metrics)
        self.assertGreaterEqual(metrics.total("sockherd_reloads_total"), 1)
        self.assertGreaterEqual(metrics.total("sockherd_worker_exits_total", 'reason="signal"'), 1)

    def wait_requests(self, daemon, count):
        """Waits until exactly that many requests were counted."""
        until(lambda: scrape(daemon).total("sockherd_http_requests_total") == count,
              f"{count} requests counted",
              explain=lambda: scrape(daemon).total("sockherd_http_requests_total"))

    def test_number_of_workers_set_at_run_time(self):
        """Survives, and goes on being steerable: the adopted ones can be scaled away."""
        daemon = self.ready(basic_config(workers=2, pool="max_workers = 8"))
        self.assertEqual(daemon.scale(5).status, 200)
        daemon.wait_workers(5)
        before = daemon.pids()
        load = self.mixed_load(daemon)
        load.after(100)
        daemon.crash()
        self.assertEqual(daemon.pids(), before)
        self.assert_all_serve(daemon, 5)
        for count in (1, 6, 2):
            self.assertEqual(daemon.scale(count).status, 200)
            daemon.wait_workers(count)
            load.after(100)
            daemon.crash()
            self.assertEqual(len(daemon.wait_workers(count)), count)
            load.after(100)
        self.assert_all_serve(daemon, 2)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assert_not_more_processes(daemon, 2)

    def test_changed_configuration_is_in_force_afterwards(self):
        """The workers of the old one are replaced, and nobody notices."""
        daemon = self.ready()
        before = daemon.pids()
        load = self.mixed_load(daemon, path="/plaintext")
        load.after(100)
        daemon.kill()
        daemon.rewrite(basic_config(workers=3).replace(
            '{ path = "/", module = "demo" }',
            '{ path = "/", module = "demo" }, { path = "/new/", module = "demo" }'))
        daemon.start()
        daemon.ready()
        until(lambda: len(now := daemon.pids()) == 3 and
              not set(now.values()) & set(before.values()), "three new workers",
              explain=lambda: f"{daemon.workers()}\n{daemon.log()}")
        self.assert_not_more_processes(daemon, 3)
        self.assertEqual({daemon.get("/new/plaintext").status for _ in range(50)}, {200})
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_admin_process_dies_with_its_supervisor_and_comes_back(self):
        """A second one would answer half of the questions from a dead bus."""
        daemon = self.ready()
        admin = next(pid for pid in processes.children(daemon.pid)
                     if processes.name(pid).startswith("sockherd-admin"))
        daemon.kill()
        until(lambda: not processes.is_alive(admin), "its end")
        daemon.start()
        daemon.ready()
        self.assertEqual({daemon.admin("GET", "/readyz").status for _ in range(20)}, {200})
        self.assertEqual(daemon.admin("GET", "/v1/status").json()["pid"], daemon.pid)

    def test_killed_in_the_middle_of_anything(self):
        """The next one brings to an end what was begun, or takes it back."""
        daemon = self.ready(basic_config(workers=2, pool="max_workers = 8"))
        load = self.mixed_load(daemon)
        load.after(100)
        acts = (lambda: daemon.scale(6), lambda: daemon.scale(1), lambda: daemon.scale(4),
                lambda: daemon.admin("POST", "/v1/reload?wait=0", {}),
                lambda: daemon.signal(signal.SIGHUP), lambda: daemon.scale(2),
                lambda: os.kill(daemon.ready_workers()[0]["pid"], signal.SIGTERM))
        for requests in (0, 3, 30):
            for number, act in enumerate(acts):
                with self.subTest(act=number, requests=requests):
                    act()
                    if requests:
                        load.after(requests)
                    daemon.crash()
                    self.assert_all_serve(daemon, self.wait_settled(daemon))
        self.assert_nothing_lost(load.stop(), daemon)

    def wait_settled(self, daemon):
        """Waits until there are as many workers as are wanted, and returns how many."""
        def settled():
            pool = daemon.admin("GET", "/v1/pools/web").json()
            states = [worker["state"] for worker in daemon.workers()]
            return pool["desired"] if states == ["ready"] * pool["desired"] else None
        return until(settled, "as many workers as are wanted",
                     explain=lambda: f"{daemon.workers()}\n{daemon.log()}")

    def test_workers_of_another_program(self):
        """They have no control socket; pidfd and notify socket suffice."""
        daemon = self.ready(stub_config(workers=3))
        before = daemon.pids()
        load = self.load(daemon, short=6)
        load.after(100)
        daemon.crash()
        daemon.crash()
        self.assertEqual(daemon.pids(), before)
        load.after(100)
        self.assertEqual(daemon.scale(1).status, 200)
        daemon.wait_workers(1)
        until(lambda: not any(map(processes.is_alive, set(before.values()) -
                                  set(daemon.pids().values()))), "the end of the others")
        self.assertEqual(daemon.reload().status, 200)
        self.assertFalse(set(daemon.pids().values()) & set(before.values()))
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)


class Both(AdoptionCase):
    """Supervisor and workers."""

    def test_what_waits_in_any_slot_outlives_everybody(self):
        """All workers and the supervisor are killed; the queues are in the store."""
        daemon = self.ready(basic_config(workers=4))
        before = set(daemon.wait_all_answer(4).values())
        self.freeze(before)
        queued = self.queued(daemon, 120)
        self.kill_with(daemon, *before)
        daemon.start()
        answers = [wire.receive() for wire in queued]
        self.assertEqual([answer.status for answer in answers], [200] * 120)
        pids = {answer.json()["pid"] for answer in answers}
        self.assertFalse(pids & before)  # whoever was ready first took what waited for the others

    def test_worker_that_ends_while_nobody_looks(self):
        """Its slot gets a new one, its end is counted, the others are adopted."""
        daemon = self.ready(basic_config(workers=4))
        before = daemon.wait_all_answer(4)
        metrics = scrape(daemon)
        # Only this one: the kernel sends SIGHUP to those that stand still when their parent ends.
        self.freeze([before[2]])
        queued = self.queued(daemon, 120)
        self.kill_with(daemon, before[2])
        daemon.start()
        daemon.ready()
        self.assertEqual([wire.receive().status for wire in queued], [200] * 120)
        daemon.wait_workers(4)
        after = daemon.pids()
        self.assertEqual({slot: after[slot] for slot in (0, 1, 3)},
                         {slot: before[slot] for slot in (0, 1, 3)})
        self.assertNotEqual(after[2], before[2])
        now = self.assert_counters_grow(daemon, metrics)
        self.assertEqual(now.total("sockherd_worker_exits_total"),
                         metrics.total("sockherd_worker_exits_total") + 1)
        self.assert_all_serve(daemon, 4)

    def test_adopted_worker_that_ends_later(self):
        """It is not our child; its pidfd tells."""
        daemon = self.ready()
        daemon.crash()
        before = daemon.pids()
        os.kill(before[0], signal.SIGKILL)
        until(lambda: daemon.pids().get(0, before[0]) != before[0], "a successor",
              explain=daemon.log)
        self.assertEqual(daemon.pids()[1], before[1])
        self.assert_all_serve(daemon, 2)

    def test_under_load(self):
        """kill -9 of both at once: only what that worker had accepted is lost."""
        clients, kills = 16, 5
        daemon = self.ready(basic_config(workers=3))
        load = self.load(daemon, short=clients)
        for _ in range(kills):
            load.after(200)
            victim = daemon.ready_workers()[0]["pid"]
            self.kill_with(daemon, victim)
            daemon.start()
            daemon.ready()
            daemon.wait_workers(3)
        load.after(200)
        report = load.stop()
        lost = sum(report[key] for key in LOST_WITH_A_PROCESS)
        self.assertEqual(report.lost, lost, f"{report.summary()}\n{daemon.log()}")
        self.assertLessEqual(lost, clients * kills, report.summary())
        self.assert_all_serve(daemon, 3)


class State(AdoptionCase):
    """The state file is a help, never a need."""

    def lose_state(self, daemon, act):
        """Kills the supervisor, does something to the file, and starts the next one."""
        daemon.kill()
        state = daemon.runtime / "state"
        self.assertTrue(state.exists(), sorted(daemon.runtime.iterdir()))
        act(state)
        daemon.start()
        daemon.ready()

    def assert_recovers(self, daemon, load, before):
        """Nobody is lost; those whom nobody knows are replaced."""
        self.assert_not_more_processes(daemon, 2)
        daemon.wait_workers(2)
        self.assertFalse(set(daemon.pids().values()) & set(before), daemon.log())
        load.after(100)
        self.assert_all_serve(daemon, 2)

    def test_removed(self):
        """Everybody is unknown: they serve until new ones do."""
        daemon = self.ready()
        load = self.mixed_load(daemon)
        for _ in range(3):
            before = daemon.pids().values()
            load.after(100)
            self.lose_state(daemon, os.unlink)
            self.assert_recovers(daemon, load, before)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_garbage(self):
        """Whatever is in its place, it starts."""
        daemon = self.ready()
        load = self.mixed_load(daemon)
        for garbage in BAD_STATES:
            with self.subTest(garbage=garbage[:20]):
                before = daemon.pids().values()
                self.lose_state(daemon, lambda state, bad=garbage: state.write_bytes(bad))
                self.assert_recovers(daemon, load, before)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_half_written(self):
        """Cut off anywhere: as good as garbage, or as good as whole."""
        daemon = self.ready()
        load = self.mixed_load(daemon)
        whole = len((daemon.runtime / "state").read_bytes())
        for size in range(1, whole, max(1, whole // 10)):
            with self.subTest(size=size):
                self.lose_state(daemon, lambda state, n=size: os.truncate(state, n))
                self.assert_not_more_processes(daemon, 2)
                self.assert_all_serve(daemon, 2)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_values_of_another_type(self):
        """Each value of the file in turn is replaced by something else."""
        daemon = self.ready()
        load = self.load(daemon, short=4)
        state = json.loads((daemon.runtime / "state").read_bytes())
        paths = list(paths_of(state))
        for path in paths[::max(1, len(paths) // 12)]:
            with self.subTest(path=path):
                daemon.kill()
                (daemon.runtime / "state").write_text(json.dumps(with_value(state, path, [{}])))
                daemon.start()
                daemon.ready()
                self.assert_not_more_processes(daemon, 2)
                daemon.wait_workers(2)
                state = json.loads((daemon.runtime / "state").read_bytes())
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_cannot_be_read_or_written(self):
        """A directory in its place: nothing else comes of it."""
        daemon = self.ready()
        load = self.load(daemon)
        daemon.kill()
        (daemon.runtime / "state").unlink()
        (daemon.runtime / "state").mkdir()
        daemon.start()
        daemon.ready()
        daemon.wait_workers(2)
        self.assertEqual(daemon.scale(3).status, 200)
        daemon.wait_workers(3)
        daemon.restart()
        daemon.wait_workers(2)
        self.assert_not_more_processes(daemon, 2)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_a_pid_that_belongs_to_somebody_else_by_now(self):
        """The number in the file is nobody's worker: it must live."""
        daemon = self.ready()
        victim = daemon.pids()[1]
        stranger = self.stranger()
        self.kill_with(daemon, victim)
        state = daemon.runtime / "state"
        text = state.read_text()
        self.assertIn(str(victim), text)
        state.write_text(text.replace(str(victim), str(stranger)))
        daemon.start()
        daemon.ready()
        self.assert_all_serve(daemon, 2)
        self.assertNotIn(stranger, daemon.pids().values())
        daemon.restart()
        self.assertEqual(daemon.reload().status, 200)
        daemon.stop_means = None
        daemon.crash().stop()
        self.assertTrue(processes.is_alive(stranger))

    def stranger(self):
        """A process that has nothing to do with any of this."""
        pid = os.fork()
        if pid == 0:
            signal.pause()
            os._exit(0)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        return pid


def paths_of(value, path=()):
    """The paths to all values within a JSON document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from paths_of(inner, (*path, key))


def with_value(document, path, value):
    """A copy in which one value is another one; unchanged where the path leads nowhere."""
    copy = json.loads(json.dumps(document))
    place = copy
    try:
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    except (KeyError, IndexError, TypeError):
        pass
    return copy


if __name__ == "__main__":
    unittest.main()
