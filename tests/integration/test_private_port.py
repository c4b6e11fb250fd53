"""handover = "private-port": workers with an address of their own behind a proxy route, which are steered away
from before they are told to go."""
import os
import pathlib
import signal
import sys
import tempfile

from tests.support.case import ManagedCase
from tests.support.metrics import scrape
from tests.support.wait import until

PROGRAM = str(pathlib.Path(__file__).parents[1] / "support" / "binding_worker.py")


def config(*arguments, workers=2, pool="", front=""):
    """The built-in engine in front of a pool of binding_worker.py. One of its requests at a time."""
    command = ", ".join(f'"{word}"' for word in (sys.executable, PROGRAM, "--backlog", "128", *arguments))
    return ('[listener.web]\n[pool.front]\nlisteners = ["web"]\nworkers = 2\n'
            f'routes = [{{ path = "/", proxy = "pool:api" }}]\n{front}\n'
            f'[pool.api]\nworkers = {workers}\nmax_workers = 8\nhandover = "private-port"\n'
            f'ready = {{ connect = true }}\ncommand = [{command}]\n{pool}\n')


# A program before which another user's binds its port, until it is told to leave or the test is over.
STRANGER = """import os, socket, sys
port, leave = int(os.environ["PORT"]), sys.argv[2]
listening, told = os.pipe()
gone, held = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)  # nobody's child
    os.setgid(65534); os.setuid(65534)
    stranger = socket.create_server(("127.0.0.1", port)); stranger.settimeout(0.01)
    os.write(told, b"1")
    while os.path.isdir(os.path.dirname(leave)) and not os.path.exists(leave):
        try: stranger.accept()[0].close()
        except OSError: pass
    os._exit(0)
os.close(held); os.wait(); os.read(listening, 1)
os.read(gone, 1)  # until it has ended
os.execv(sys.executable, [sys.executable, sys.argv[1], *sys.argv[3:]])
"""


class PrivatePort(ManagedCase):
    """The pool behind the route."""

    def assert_serves(self, daemon, workers):
        """So many workers, and each of them answers."""
        daemon.wait_workers(workers, "api")
        daemon.wait_all_answer(workers)

    def test_each_worker_has_a_port_of_its_own(self):
        """Also after it was killed; nobody else's."""
        daemon = self.ready(config(workers=3))
        self.assert_serves(daemon, 3)

    def test_a_unix_socket_is_there_as_long_as_its_worker(self):
        """Its directory goes with it."""
        with tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp") as directory:
            program = pathlib.Path(directory, "program.py")
            program.write_text(
                "import os, sys, json, socket\n"
                f"sys.path.insert(0, {str(pathlib.Path(PROGRAM).parent)!r})\n"
                "from stub_worker import answer\n"
                "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()\n"
                "while True:\n    c, _ = s.accept()\n    answer(c); c.close()\n")
            text = config().replace(f'"{PROGRAM}"', f'"{program}", "{{socket}}"')
            daemon = self.ready(text)
            self.assert_serves(daemon, 2)
            nodes = set(daemon.runtime.glob("worker.*/socket"))
            self.assertEqual(len(nodes), 2)
            os.kill(daemon.pids("api")[0], signal.SIGKILL)
            until(lambda: len(set(daemon.runtime.glob("worker.*")) -
                              {node.parent for node in nodes}) == 1 and
                  len(set(daemon.runtime.glob("worker.*"))) == 2, "another directory")
            self.assert_serves(daemon, 2)

    def test_a_stranger_who_has_bound_the_port_first_is_not_the_worker(self):
        """Another user's program, which answers as well: nobody is asked before the worker itself listens."""
        program = self.program(STRANGER)
        leave = program.with_name("leave")
        daemon = self.launch(config(workers=1).replace(f'"{PROGRAM}"', f'"{program}", "{PROGRAM}", "{leave}"'))
        until(lambda: "address-taken " in daemon.log(), "a stranger at the port", explain=daemon.log)
        self.assertNotIn("worker-ready pool=api", daemon.log())
        leave.touch()
        daemon.ready()
        self.assert_serves(daemon, 1)

    def test_reload_restart_and_scaling_lose_nothing(self):
        """Though the program dies at once when it is told to go."""
        text = config("--blocking", workers=1)
        daemon = self.ready(text)
        with self.load(daemon) as load:
            load.after(200)
            for count in (4, 1, 3):
                self.assertEqual(daemon.scale(count, "api").status, 200, daemon.log())
                daemon.wait_workers(count, "api")
                load.after(200)
            for _ in range(2):
                self.assertEqual(daemon.reload().status, 200, daemon.log())
                load.after(200)
            self.assertEqual(daemon.ctl("restart", "api").returncode, 0, daemon.log())
            load.after(200)
            report = load.stop()
        self.assert_nothing_lost(report, daemon)

    def test_a_change_of_the_handover_loses_nothing(self):
        """Those who proxied ask on to their end, though the pool that they ask accepts itself by then."""
        behind = config("--blocking")
        direct = ('[listener.web]\n' + behind[behind.index("[pool.api]"):]
                  .replace('handover = "private-port"', 'listeners = ["web"]'))
        daemon = self.ready(direct)
        with self.load(daemon) as load:
            load.after(200)
            for text, pool in 2 * ((behind, "front"), (direct, "api")):
                daemon.rewrite(text)
                self.assertEqual(daemon.reload().status, 200, daemon.log())
                load.after(200)
                daemon.wait_workers(2, pool)
            daemon.wait_workers(2, "api")
            report = load.stop()
        self.assert_nothing_lost(report, daemon)
        self.assert_not_more_processes(daemon, 0)  # of the engine

    def test_max_requests(self):
        """Counted by those who ask: each worker is replaced after its share, one at a time, and nobody notices."""
        daemon = self.ready(config("--blocking", workers=3, pool="max_requests = 100"))
        self.assert_serves(daemon, 3)
        before = set(daemon.pids("api").values())
        with self.load(daemon) as load:
            until(lambda: not before & set(daemon.pids("api").values()) and len(daemon.pids("api")) == 3,
                  "everybody is replaced", explain=daemon.log)
            load.after(200)
            report = load.stop()
        self.assert_nothing_lost(report, daemon)
        self.assertIn("detail=max_requests", daemon.log())

    def test_another_supervisor_goes_on_with_it(self):
        """After a crash the workers and who asks them are the same; after a restart all are new."""
        daemon = self.ready(config("--blocking", pool="max_in_flight = 1"))
        self.assert_serves(daemon, 2)
        before = daemon.pids("api")
        with self.load(daemon) as load:
            load.after(200)
            daemon.crash()
            load.after(200)
            self.assertEqual(daemon.pids("api"), before)
            os.kill(before[0], signal.SIGKILL)
            until(lambda: daemon.pids("api").get(0) not in (None, before[0]), "a successor")
            load.after(200)
            daemon.restart()
            until(lambda: not set(before.values()) & set(daemon.pids("api").values()), "new ones")
            daemon.wait_workers(2, "api")
            load.after(200)
            report = load.stop()
        self.assert_nothing_lost(report, daemon, at_most=2)

    def test_kill_each_of_them(self):
        """Lost is what the killed one was answering: one request, since it gets one at a time, and the next one,
        where that was let in while the process ended."""
        daemon = self.ready(config(workers=3, pool="max_in_flight = 1"))
        self.assert_serves(daemon, 3)
        with self.load(daemon) as load:
            load.after(200)
            for slot, pid in sorted(daemon.pids("api").items()):
                os.kill(pid, signal.SIGKILL)
                until(lambda slot=slot, pid=pid: daemon.pids("api").get(slot) not in (None, pid),
                      f"a successor in slot {slot}", explain=daemon.log)
                load.after(100)
            report = load.stop()
        self.assert_nothing_lost(report, daemon, at_most=6)

    def test_one_that_does_not_listen_is_told_of_with_its_port(self):
        """In the log and in the answer to a reload."""
        daemon = self.ready(config())
        daemon.rewrite(config("--late", "/nonexistent", pool='start_timeout = "200ms"'))
        answer = daemon.reload()
        self.assertEqual(answer.status, 500, answer.body)
        self.assertRegex(answer.body.decode(), r"start_timeout: nothing listens on 127.0.0.1:\d+, which it was told")
        self.assertRegex(daemon.log(), r"worker-start-timeout pool=api .*nothing listens on 127.0.0.1:\d+")

    def test_a_stop_ends_those_who_ask_first(self):
        """So what they have begun is answered."""
        daemon = self.ready(config("--blocking"), stop_means=None)
        self.assert_serves(daemon, 2)
        daemon.stop()
        log = daemon.log()
        ended = [line for line in log.splitlines() if line.startswith("worker-exited")]
        self.assertEqual([("pool=front" in line) for line in ended], [True, True, False, False], log)

    def test_the_metrics_tell_of_each_slot(self):
        """And never go down, whoever has the slot."""
        daemon = self.ready(config())
        self.assert_serves(daemon, 2)
        with self.load(daemon, count=400) as load:
            load.finish()
        before = scrape(daemon)
        victim = daemon.pids("api")[0]
        os.kill(victim, signal.SIGKILL)
        until(lambda: daemon.pids("api").get(0) not in (None, victim), "a successor")
        now = self.assert_counters_grow(daemon, before)
        daemon.restart()
        daemon.wait_workers(2, "api")
        now = self.assert_counters_grow(daemon, now)
        self.assertGreaterEqual(now.total("sockherd_upstream_requests_total", 'upstream="api"'), 400)
        self.assertEqual(now['sockherd_upstream_requests_waiting{upstream="api"}'], 0)
        self.assertEqual(now.total("sockherd_upstream_requests_in_flight", 'upstream="api"'), 0)
