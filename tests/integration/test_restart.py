"""SIGTERM that means a restart, and SIGTERM that means a stop: in both cases nothing is lost."""
import os
import socket
import unittest

from tests.support import processes
from tests.support.case import ManagedCase
from tests.support.daemon import basic_config, equal_listeners, stub_config
from tests.support.http import HalfRequest, Wire
from tests.support.metrics import scrape
from tests.support.processes import kinds
from tests.support.wait import until

GET = "GET /plaintext HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ECHO = (200, b"0123456789")


class RestartCase(ManagedCase):
    """What all of these need."""

    def assert_replaced(self, daemon, before, count):
        """Nobody of `before` is left, and there are no more than `count`."""
        until(lambda: not set(daemon.pids().values()) & set(before.values()), "new workers",
              explain=lambda: f"{daemon.workers()}\n{daemon.log()}")
        daemon.wait_workers(count)
        self.assert_not_more_processes(daemon, count)

    def wait_end(self, daemon, before, count):
        """As assert_replaced(), for processes of any name."""
        until(lambda: not any(map(processes.is_alive, before.values())), "the end of the old ones",
              explain=lambda: f"{daemon.workers()}\n{daemon.log()}")
        daemon.wait_workers(count)

    def half_requests(self, daemon, count):
        """Connections that are in the middle of something."""
        wires = [HalfRequest(daemon.address("web")) for _ in range(count)]
        for wire in wires:
            self.addCleanup(wire.close)
        return wires


class Restart(RestartCase):
    """The successor adopts the workers, and replaces them once it is ready."""

    def test_nothing_is_lost_and_everybody_is_replaced(self):
        """Five times, under every kind of load."""
        daemon = self.ready(basic_config(workers=4))
        load = self.mixed_load(daemon)
        load.after(200)
        for _ in range(5):
            before, generation = daemon.pids(), daemon.whoami()["generation"]
            daemon.restart()
            self.assert_replaced(daemon, before, 4)
            status = daemon.admin("GET", "/v1/status").json()
            self.assertGreaterEqual(status["generation"], generation)
            self.assertEqual({worker["generation"] for worker in daemon.workers()},
                             {status["generation"]})
            load.after(200)
        self.assert_all_serve(daemon, 4)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertEqual(daemon.notify.faults, [])

    def test_supervisor_goes_at_once_and_workers_stay(self):
        """It waits for no request, and leaves every worker as it is."""
        daemon = self.ready(basic_config(workers=3, pool='drain_timeout = "10m"'))
        wires = self.half_requests(daemon, 20)
        before = daemon.worker_processes()
        load = self.mixed_load(daemon)
        daemon.terminate()
        self.assertEqual(daemon.worker_processes(), before)
        load.after(500)
        self.assertEqual(daemon.worker_processes(), before)
        daemon.start()
        daemon.ready()
        load.after(200)
        self.assertEqual([wire.finish() for wire in wires], [ECHO] * 20)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_clients_of_the_control_socket_hold_nobody_up(self):
        """One that has not said who it is, and one that does not read: leaving does not wait for them."""
        daemon = self.ready()
        with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as greeted:
            silent.connect(str(daemon.runtime / "control"))
            greeted.connect(str(daemon.runtime / "control"))
            greeted.sendall(b"\0AUTH ANONYMOUS\r\nBEGIN\r\n")
            daemon.restart()
        self.assert_all_serve(daemon, 2)

    def test_long_request_outlives_several_restarts(self):
        """Its worker drains until then, however many supervisors come and go."""
        daemon = self.ready(basic_config(workers=2, pool='drain_timeout = "10m"'))
        wires = self.half_requests(daemon, 4)
        for _ in range(3):
            before = daemon.pids()
            daemon.restart()
            until(lambda then=before: not set(daemon.pids().values()) & set(then.values()) and
                  len(daemon.pids()) == 2, "new workers", explain=daemon.log)
        daemon.crash()
        self.assertEqual([wire.finish() for wire in wires], [ECHO] * 4)
        self.assert_not_more_processes(daemon, 2)

    def test_ready_before_anybody_is_replaced(self):
        """Should the new version not start its workers, those of the old one serve on."""
        flag = f"/tmp/sh-crash-{os.getpid()}"
        daemon = self.ready(stub_config("--crash-slot", "0", "--while", flag, workers=2,
                                        pool='restart_delay = "20ms"'))
        before = daemon.pids()
        load = self.load(daemon, short=4)
        load.after(50)
        with open(flag, "w", encoding="ascii"):
            self.addCleanup(lambda: os.path.exists(flag) and os.unlink(flag))
        since = len(daemon.log())
        daemon.restart()
        daemon.wait_log("exit 3", since)
        load.after(50)
        self.assertIn(before[0], daemon.pids().values(), daemon.log())
        os.unlink(flag)
        self.assertEqual(daemon.reload().status, 200)
        self.wait_end(daemon, before, 2)
        load.after(50)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_changed_configuration(self):
        """Number of workers and routes: in force afterwards."""
        daemon = self.ready(basic_config(workers=2))
        before = daemon.pids()
        load = self.mixed_load(daemon, path="/plaintext")
        load.after(100)
        daemon.rewrite(basic_config(workers=4).replace(
            '{ path = "/", module = "demo" }',
            '{ path = "/", module = "demo" }, { path = "/new/", module = "demo" }'))
        daemon.restart()
        self.assert_replaced(daemon, before, 4)
        self.assertEqual({daemon.get("/new/plaintext").status for _ in range(50)}, {200})
        before = daemon.pids()
        daemon.rewrite(basic_config(workers=1))
        daemon.restart()
        self.assert_replaced(daemon, before, 1)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_broken_configuration(self):
        """Exit status 6, as often as it is tried; workers serve on, and are replaced once it is mended."""
        daemon = self.ready(basic_config(workers=3))
        before, names = daemon.pids(), daemon.store.names()
        load = self.mixed_load(daemon)
        load.after(100)
        good = daemon.config.read_text()
        daemon.rewrite(good.replace("workers", "wokers"))
        daemon.terminate()
        for _ in range(3):
            daemon.start()
            self.assertEqual(daemon.start_status(), 6, daemon.log())
            load.after(100)
        self.assertEqual(daemon.worker_processes(), set(before.values()))
        self.assertEqual(daemon.store.names(), names)
        daemon.rewrite(good)
        daemon.start()
        daemon.ready()
        self.assert_replaced(daemon, before, 3)
        self.assert_all_serve(daemon, 3)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_workers_of_another_program(self):
        """The same for those without a control socket."""
        daemon = self.ready(stub_config(workers=3))
        load = self.load(daemon, short=6)
        for _ in range(3):
            before = daemon.pids()
            load.after(50)
            daemon.restart()
            self.wait_end(daemon, before, 3)
        load.after(50)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_fifty_supervisors(self):
        """One after the other, killed and restarted: descriptors, store and processes stay flat."""
        daemon = self.ready(basic_config(workers=2))
        daemon.crash()
        before = daemon.pids()
        daemon.restart()
        self.assert_replaced(daemon, before, 2)

        def stored_now():
            return self.shapes(daemon.store.names())
        until(lambda: stored_now().count("sockherd.worker.") == stored_now().count("sockherd.notify.") == 2,
              "nothing of the old ones is kept", explain=stored_now)  # they end one descriptor after the other
        descriptors, stored = kinds(daemon.pid), stored_now()
        files = self.shapes(os.listdir(daemon.runtime))
        metrics = scrape(daemon)
        load = self.load(daemon, short=4)
        for number in range(50):
            before = daemon.pids()
            if number % 2:
                daemon.crash()
            else:
                daemon.restart()
                self.assert_replaced(daemon, before, 2)
            metrics = self.assert_counters_grow(daemon, metrics)
        until(lambda: kinds(daemon.pid) <= descriptors, "no more descriptors than before",
              explain=lambda: f"before {descriptors}\nnow    {kinds(daemon.pid)}")
        until(lambda: stored_now() == stored, "no more kept than before", explain=lambda: f"{stored}\n{stored_now()}")
        self.assert_not_more_processes(daemon, 2)
        self.assertEqual(self.shapes(os.listdir(daemon.runtime)), files)
        self.assert_nothing_lost(load.stop(), daemon)

    @staticmethod
    def shapes(names):
        """Names without the ids of workers."""
        return sorted(name.rstrip("0123456789") for name in names)


class Stop(RestartCase):
    """Nobody can tell (no bus here), or it is a stop: what PID 1 keeps is enough."""

    def stop_and_start(self, config, rounds=4, **options):
        """Under load, with clients that wait for as long as nobody serves."""
        daemon = self.ready(config, stop_means=None, **options)
        load = self.mixed_load(daemon, slow_after_ms=10_000)
        for _ in range(rounds):
            load.after(200)
            daemon.stop()
            self.assertEqual(daemon.living(), [], daemon.log())
            daemon.start()
            daemon.ready()
        load.after(200)
        report = load.stop()
        self.assert_nothing_lost(report, daemon)
        self.assert_all_serve(daemon, 4)

    def test_sockets_of_our_own_are_emptied_first(self):
        """One ListenStream= line, four workers: three sockets that nobody keeps."""
        self.stop_and_start(basic_config(workers=4))

    def test_sockets_of_the_unit_for_every_worker(self):
        """Nothing to empty: the queues stay where they are."""
        self.stop_and_start(basic_config(workers=4), sockets={"web": equal_listeners(4)})

    def test_connections_that_come_while_nobody_is_there(self):
        """They wait in the sockets of the unit, whatever slots there were."""
        daemon = self.ready(basic_config(workers=6), stop_means=None)
        daemon.wait_all_answer(6)
        daemon.stop()
        waiting = [Wire(daemon.address("web")) for _ in range(100)]
        for wire in waiting:
            self.addCleanup(wire.close)
            wire.send(GET)
        daemon.start()
        self.assertEqual([wire.receive().status for wire in waiting], [200] * 100)

    def test_nothing_is_left_in_the_store(self):
        """What is empty and closed is not kept for nobody; only then does the supervisor end."""
        daemon = self.ready(basic_config(workers=4), stop_means=None)
        self.assertTrue(daemon.store.names())
        daemon.terminate()
        self.assertEqual(daemon.living(), [])
        daemon.notify.flush()
        left = [name for name in daemon.store.names() if name.startswith("sockherd.slot.")]
        self.assertEqual(left, ["sockherd.slot.0.web"], "that of the unit, which can be reopened")

    def test_after_a_crash_and_a_restart(self):
        """Also workers that are not its children are ended by a stop."""
        daemon = self.ready(basic_config(workers=3))
        daemon.restart()
        daemon.crash()
        daemon.stop_means = None
        daemon.crash()
        self.assertTrue(daemon.worker_processes())
        daemon.stop()
        self.assertEqual(daemon.living(), [])

    def test_store_that_is_emptied_without_a_word(self):
        """The supervisor is killed and nobody starts another: the workers finish and end."""
        daemon = self.ready(basic_config(workers=3))
        wires = self.half_requests(daemon, 10)
        daemon.kill()
        self.assertEqual(len(daemon.worker_processes()), 3)
        with daemon.notify.lock:
            daemon.store.clear()
        self.assertEqual([wire.finish() for wire in wires], [ECHO] * 10)
        until(lambda: not daemon.living(), "the end of all workers", explain=daemon.log)


if __name__ == "__main__":
    unittest.main()
