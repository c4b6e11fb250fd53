"""A worker dies: what waits in the queue of its socket is answered by the next one."""
import os
import signal
import unittest

from tests.support import processes
from tests.support.case import DaemonCase
from tests.support.daemon import basic_config, stub_config
from tests.support.http import Wire
from tests.support.wait import until

GET = "GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n"
LOST_WITH_A_PROCESS = ("reset", "eof", "short_answer")  # an accepted connection dies like this


def stop_process(pid):
    """SIGSTOP, and waits until it has taken effect: from then on it accepts nothing."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: processes.stat_fields(pid)[0] == "T", f"{pid} stopped")


class Crash(DaemonCase):
    """kill -9 stands for every crash."""

    def connect(self, daemon, count, ask=True):
        """Connections, with a request on each."""
        wires = [Wire(daemon.address("web")) for _ in range(count)]
        for wire in wires:
            self.addCleanup(wire.close)
            if ask:
                wire.send(GET)
        return wires

    def test_queued_connections_are_answered_accepted_ones_are_not(self):
        """One worker: 5 accepted, 40 in the queue while it stands still. Exactly the 5 are lost."""
        daemon = self.ready(basic_config(workers=1))
        accepted = self.connect(daemon, 5)
        pid = {wire.receive().json()["pid"] for wire in accepted}.pop()
        stop_process(pid)
        queued = self.connect(daemon, 40)
        os.kill(pid, signal.SIGKILL)
        answers = [wire.receive() for wire in queued]
        self.assertEqual([answer.status for answer in answers], [200] * 40)
        self.assertNotIn(pid, {answer.json()["pid"] for answer in answers})
        self.assertTrue(all(wire.at_end() for wire in accepted))

    def test_queue_of_one_of_two(self):
        """Both stand still, one is killed: its share is answered by its successor."""
        daemon = self.ready(basic_config(workers=2))
        before = daemon.wait_all_answer(2)
        for pid in before.values():
            stop_process(pid)
        queued = self.connect(daemon, 60)
        os.kill(before[1], signal.SIGKILL)
        until(lambda: any(worker["slot"] == 1 and worker["pid"] != before[1] and
                          worker["state"] == "ready" for worker in daemon.workers()),
              "the successor", explain=daemon.log)
        os.kill(before[0], signal.SIGCONT)
        answers = [wire.receive().json() for wire in queued]
        self.assertEqual(len(answers), 60)
        self.assertIn(1, {answer["slot"] for answer in answers})
        self.assertNotIn(before[1], {answer["pid"] for answer in answers})

    def test_under_load(self):
        """Short connections: no refusal and no time-out, and no more lost than were accepted."""
        clients, kills = 16, 5
        daemon = self.ready(basic_config(workers=2))
        load = self.load(daemon, short=clients)
        for _ in range(kills):
            load.after(200)
            victim = daemon.ready_workers()[0]["pid"]
            os.kill(victim, signal.SIGKILL)
            until(lambda dead=victim: len(daemon.ready_workers()) == 2 and
                  dead not in {worker["pid"] for worker in daemon.workers()},
                  "a successor", explain=daemon.log)
        load.after(200)
        report = load.stop()
        lost = sum(report[key] for key in LOST_WITH_A_PROCESS)
        self.assertEqual(report.lost, lost, report.summary())
        self.assertLessEqual(lost, clients * kills, report.summary())
        self.assertEqual(report.late, 0, report.summary())

    def test_restarts_are_counted_and_explained(self):
        """The worker list says how the last one ended."""
        daemon = self.ready()
        victim = daemon.ready_workers()[1]
        os.kill(victim["pid"], signal.SIGSEGV)

        def successor():
            return next((worker for worker in daemon.ready_workers()
                         if worker["slot"] == victim["slot"] and worker["pid"] != victim["pid"]),
                        None)
        worker = until(successor, "the successor", explain=daemon.log)
        self.assertEqual(worker["restarts"], victim["restarts"] + 1)
        self.assert_in("SEGV", worker["last_exit"])
        metrics = daemon.admin("GET", "/metrics").body.decode()
        self.assertIn('sockherd_worker_exits_total{pool="web",reason="signal"} 1', metrics)

    def test_all_workers_at_once(self):
        """Nobody serves for a moment; the queues wait."""
        daemon = self.ready(basic_config(workers=3))
        before = daemon.wait_all_answer(3)
        for pid in before.values():
            stop_process(pid)
        queued = self.connect(daemon, 60)
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        self.assertEqual([wire.receive().status for wire in queued], [200] * 60)

    def test_admin_process_is_respawned(self):
        """If it dies, traffic does not notice and it comes back on the same sockets."""
        daemon = self.ready()
        admin = next(pid for pid in processes.children(daemon.pid)
                     if processes.name(pid).startswith("sockherd-admin"))
        load = self.load(daemon)
        load.after(100)
        os.kill(admin, signal.SIGKILL)
        until(lambda: not processes.is_alive(admin), "the end of the admin process")
        self.assertEqual(daemon.admin("GET", "/livez").status, 200)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)


class Backoff(DaemonCase):
    """A slot whose worker cannot start."""

    def test_crash_loop_in_one_slot_costs_the_others_nothing(self):
        """Its slot is masked, it is tried again later and later, and it comes back."""
        flag = f"/tmp/sh-crash-{os.getpid()}"
        config = stub_config("--crash-slot", "1", "--while", flag, workers=3,
                             pool='restart_delay = "50ms"\nrestart_delay_max = "400ms"')
        daemon = self.ready(config)
        daemon.wait_all_answer(3)
        with open(flag, "w", encoding="ascii"):
            self.addCleanup(lambda: os.path.exists(flag) and os.unlink(flag))
        victim = next(worker for worker in daemon.workers() if worker["slot"] == 1)
        os.kill(victim["pid"], signal.SIGKILL)
        self.wait_restarts(daemon, victim["restarts"] + 3)
        load = self.load(daemon, short=4)
        load.after(100)
        self.wait_restarts(daemon, victim["restarts"] + 6)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertLessEqual(max(self.slot(daemon, 1)["retry_seconds"], 0), 0.8)
        os.unlink(flag)
        daemon.wait_workers(3)
        daemon.wait_all_answer(3)

    def wait_restarts(self, daemon, count):
        """Waits until slot 1 has been tried that often."""
        until(lambda: self.slot(daemon, 1)["restarts"] >= count, f"{count} restarts",
              explain=lambda: f"{daemon.workers()}\n{daemon.log()}")

    @staticmethod
    def slot(daemon, number):
        """What the API says of one slot."""
        return next(worker for worker in daemon.workers() if worker["slot"] == number)


if __name__ == "__main__":
    unittest.main()
