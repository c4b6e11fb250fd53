"""A pool behind a proxy route that takes its time to start: who would ask it does not accept before."""
import concurrent.futures
import os
import pathlib
import sys
import unittest

from tests.support.case import ManagedCase
from tests.support.daemon import reserved_port, tcp_listener
from tests.support.http import Wire, request
from tests.support.wait import until

PROGRAM = str(pathlib.Path(__file__).parents[1] / "support" / "binding_worker.py")
GET = "GET /whoami HTTP/1.1\r\nHost: h\r\n\r\n"
OTHER = '[listener.other]\n[pool.other]\nlisteners = ["other"]\nworkers = 1\nroutes = [{ path = "/", module = "demo" }]\n'
WITHOUT_CAP_NET_RAW = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
BEFORE = '[listener.web]\n[pool.front]\nlisteners = ["web"]\nworkers = 2\nroutes = [{ path = "/", module = "demo" }]\n'


def config(*command, pool="", front=""):
    """Nobody waits long in the queue of the proxy: who accepts too early answers 503."""
    words = ", ".join(f'"{word}"' for word in command)
    return ('[listener.web]\n[pool.front]\nlisteners = ["web"]\nworkers = 2\n'
            f'routes = [{{ path = "/", proxy = "pool:api" }}]\n{front}\n'
            '[pool.api]\nworkers = 2\nhandover = "private-port"\nready = { connect = true }\n'
            f'queue_timeout = "500ms"\ncommand = [{words}]\n{pool}\n')


class SlowStart(ManagedCase):
    """It binds its port only when a file is there."""

    def setUp(self):
        self.file = pathlib.Path(f"/tmp/sh-started-{os.getpid()}")
        self.addCleanup(lambda: self.file.unlink(missing_ok=True))
        self.file.unlink(missing_ok=True)
        self.threads = concurrent.futures.ThreadPoolExecutor()
        self.addCleanup(self.threads.shutdown)

    def late(self, **options):
        """It listens for many, and answers one after the other."""
        return config(sys.executable, PROGRAM, "--blocking", "--backlog", "128", "--late", str(self.file), **options)

    def test_a_reload_that_adds_the_route_and_its_pool(self):
        """The old ones serve until somebody is there to be asked."""
        daemon = self.ready(BEFORE)
        before = daemon.pids("front")
        with self.load(daemon) as load:
            load.after(100)
            daemon.rewrite(self.late())
            reload = self.threads.submit(daemon.reload)
            daemon.wait_log("rollout-started")
            load.after(2000)
            self.assertFalse(reload.done(), daemon.log())
            self.assertEqual(daemon.worker_processes(), set(before.values()), daemon.log())
            self.file.touch()
            self.assertEqual(reload.result().status, 200, daemon.log())
            load.after(500)
            report = load.stop()
        self.assert_nothing_lost(report, daemon)
        self.assertEqual(daemon.whoami()["pool"], "api")

    def test_a_reload_that_adds_a_listener_to_a_front_that_waits(self):
        """It was given up as if nobody wanted it; without that capability its door cannot be opened again."""
        holder, port = reserved_port()
        self.addCleanup(holder.close)
        daemon = self.ready(BEFORE + OTHER, sockets={"web": [tcp_listener()], "other": [tcp_listener()]},
                            prefix=WITHOUT_CAP_NET_RAW)
        daemon.rewrite(self.late().replace('["web"]', '["web", "more"]') + OTHER +
                       f'[listener.more]\naddress = "127.0.0.1:{port}"\n')
        reload = self.threads.submit(daemon.reload)
        daemon.wait_log("rollout-started")
        with Wire(f"127.0.0.1:{port}") as early:
            early.send(GET)
            with self.load(daemon, "other") as load:
                load.after(700)  # several looks at sockets that nobody attends to
                self.assert_nothing_lost(load.stop(), daemon)
            with Wire(f"127.0.0.1:{port}") as late:
                late.send(GET)
                self.file.touch()
                self.assertEqual(reload.result().status, 200, daemon.log())
                self.assertEqual([wire.receive().json()["pool"] for wire in (early, late)], ["api", "api"])

    def test_a_reload_whose_new_front_fails(self):
        """Whoever served serves on, and nothing is left of the new pool."""
        daemon = self.ready(BEFORE)
        self.file.touch()
        with self.load(daemon) as load:
            load.after(100)
            daemon.rewrite(self.late(front='error_pages = { "404" = "/nonexistent/page" }'))
            self.assertEqual(daemon.reload().status, 500, daemon.log())
            load.after(200)
            report = load.stop()
        self.assert_nothing_lost(report, daemon)
        self.assert_not_more_processes(daemon, 2)

    def test_the_first_start(self):
        """Connections wait in their sockets, for as long as it takes."""
        daemon = self.launch(self.late() + OTHER, sockets={"web": [tcp_listener()], "other": [tcp_listener()]})
        with Wire(daemon.address("web")) as wire:
            wire.send(GET)
            daemon.wait_log("pool-waits pool=front")
            with self.load(daemon, "other") as load:
                load.after(700)  # whoever serves already answers for himself alone
                self.assert_nothing_lost(load.stop(), daemon)
            self.assertEqual(len(daemon.worker_processes()), 1, daemon.log())
            self.assertFalse(daemon.notify.find("READY", "1", since=daemon.began))
            self.file.touch()
            self.assertEqual(wire.receive().json()["pool"], "api")
        daemon.ready()
        self.assertNotIn("pool-serves-without", daemon.log())

    def test_one_that_takes_too_long(self):
        """An error is better than silence, and later it is asked like any other."""
        daemon = self.launch(self.late(pool='start_timeout = "1s"'))
        answer = request(daemon.address("web"), "GET", "/whoami")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "1"))
        daemon.ready()
        self.assertIn("pool-serves-without pool=front generation=1 detail=\"api: ", daemon.log())
        self.file.touch()
        daemon.wait_workers(2, "api")
        self.assertEqual(daemon.whoami()["pool"], "api")

    def test_one_that_crashes_again_and_again(self):
        """So it is when it does not start at all; others are served."""
        daemon = self.ready(config("/bin/false", pool='restart_delay = "10ms"'))
        self.assertEqual(daemon.get("/whoami").status, 503)
        self.assertIn("pool-serves-without pool=front", daemon.log())
        self.assertNotIn("start-failed", daemon.log())
        daemon.restart()
        self.assertEqual(daemon.get("/whoami").status, 503)

    def test_a_crash_of_the_supervisor_while_nobody_can_be_asked(self):
        """Who serves serves on at once, and says so to systemd."""
        self.file.touch()
        daemon = self.ready(self.late(pool='start_timeout = "5m"'))
        front = daemon.pids("front")
        self.file.unlink()
        api = daemon.pids("api")
        daemon.kill()
        for pid in api.values():
            os.kill(pid, 9)
        until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in api.values()), "their end")
        daemon.start()
        daemon.ready()
        self.assertEqual(daemon.pids("front"), front, daemon.log())
        self.file.touch()
        daemon.wait_workers(2, "api")
        self.assertEqual(daemon.whoami()["pool"], "api")
        self.assertEqual(daemon.pids("front"), front, daemon.log())


if __name__ == "__main__":
    unittest.main()
