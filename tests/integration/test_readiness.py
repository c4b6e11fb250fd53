"""When programs that know nothing of READY=1 count as ready, and that nobody is lost by it."""
import os
import pathlib
import unittest

from tests.support.case import DaemonCase
from tests.support.daemon import equal_listeners, mute_config, script_config
from tests.support.wait import until


# Accepts, and never says that it is ready.
ANSWERS_WHEN_TOLD_TO_GO = """
import select, signal, socket
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
listener = socket.socket(fileno=3)
select.select([listener], [], [])
connection, _ = listener.accept()
connection.setblocking(True)
connection.recv(65536)
signal.sigwait([signal.SIGTERM])
connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 8\\r\\nConnection: close\\r\\n\\r\\nfinished")
"""


class ReadinessCase(DaemonCase):
    """Programs that say nothing."""

    def file(self, name, text=""):
        """A path for a program to look at, removed at the end."""
        path = pathlib.Path(f"/tmp/sh-{name}-{os.getpid()}")
        path.write_text(text, encoding="ascii")
        self.addCleanup(lambda: path.unlink(missing_ok=True))
        return path

    def wait_starting(self, daemon, count):
        """So many have been started, and none of these is ready."""
        until(lambda: sum(worker["state"] == "starting" for worker in daemon.workers()) == count,
              f"{count} that start", explain=lambda: f"{daemon.workers()}\n{daemon.log()}")


class Alive(ReadinessCase):
    """Nothing is said, and nothing is to be asked."""

    def test_without_a_rule(self):
        """A second of life; then they serve, also after a reload."""
        daemon = self.ready(mute_config(workers=2))
        daemon.wait_all_answer(2)
        load = self.load(daemon)
        load.after(100)
        daemon.rewrite(mute_config(workers=2, marker="two"))
        self.assertEqual(daemon.reload().status, 200)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertEqual(daemon.whoami()["marker"], "two")

    def test_one_that_ends_at_once_fails_a_reload(self):
        """It has not lived for as long as it says."""
        flag = self.file("ends")
        daemon = self.ready(mute_config(pool='ready = { alive = "100ms" }'))
        before = daemon.pids()
        daemon.rewrite(mute_config("--crash-slot", "1", "--while", str(flag), pool='ready = { alive = "1h" }'))
        self.assertEqual(daemon.reload().status, 500)
        self.assertEqual(daemon.pids(), before)

    def test_notify_only(self):
        """It is never ready, because it never says so."""
        daemon = self.launch(mute_config(start_timeout="300ms", pool="ready = { notify = true }\n"
                                         'restart_delay = "10ms"'))
        self.assertEqual(daemon.exit_status(), 1)
        self.assertIn("worker-start-timeout", daemon.log())

    def test_one_that_accepts_and_is_never_ready_may_finish(self):
        """What it has in hand at the end of start_timeout it has by its own fault, but a client waits for it."""
        program = self.program(ANSWERS_WHEN_TOLD_TO_GO)
        daemon = self.launch(script_config(program, pool='start_timeout = "2s"\nready = { notify = true }'))
        self.assertEqual(daemon.get("/").body, b"finished")
        self.assertIn("worker-start-timeout", daemon.log())


class Probed(ReadinessCase):
    """They are asked."""

    def test_http(self):
        """Ready as soon as it answers so, and not before."""
        health = self.file("health", "503")
        daemon = self.launch(mute_config("--health", str(health), workers=2,
                                         pool='ready = { http = "/healthz" }'))
        self.wait_starting(daemon, 2)
        health.write_text("204", encoding="ascii")
        daemon.ready()
        daemon.wait_workers(2)
        daemon.wait_all_answer(2)

    def test_http_of_a_new_one_while_the_old_one_is_well(self):
        """Both accept from the same socket: the answers of the old one are not taken for it. However the
        connections of clients are steered, a probe is aimed at its socket."""
        for balance in ("hash", "least-connections"):
            with self.subTest(balance):
                self.check_http_of_a_new_one(balance)

    def balanced(self, balance, *arguments, **options):
        """Three of them."""
        text = mute_config(*arguments, workers=3, pool='ready = { http = "/healthz" }', **options)
        return text.replace("[listener.web]\n", f'[listener.web]\nbalance = "{balance}"\n')

    def check_http_of_a_new_one(self, balance):
        """Ill, it does not replace the old one; well, it does."""
        well = self.file("well", "200")
        ill = self.file("ill", "503")
        daemon = self.ready(self.balanced(balance, "--health", str(well)), sockets={"web": equal_listeners(3)})
        daemon.wait_workers(3)
        until(lambda: {one["balance_in_force"] for one in daemon.admin("GET", "/v1/listeners").json()["listeners"]
                       if one["name"] == "web"} == {balance}, f"{balance} in force", explain=daemon.log)
        before = daemon.pids()
        daemon.rewrite(self.balanced(balance, "--health", str(ill), start_timeout="1500ms"))
        answer = daemon.reload()
        self.assertEqual(answer.status, 500, daemon.log())
        self.assertEqual(daemon.pids(), before)
        ill.write_text("200", encoding="ascii")
        daemon.rewrite(self.balanced(balance, "--health", str(ill)))  # which has all its time, beside the load
        load = self.load(daemon)
        load.after(100)
        self.assertEqual(daemon.reload().status, 200, daemon.log())
        daemon.wait_workers(3)
        self.assertFalse(set(daemon.pids().values()) & set(before.values()))
        daemon.wait_all_answer(3)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_connect(self):
        """Ready once it accepts."""
        deaf = self.file("deaf")
        daemon = self.launch(mute_config("--deaf-while", str(deaf), workers=2,
                                         pool="ready = { connect = true }"))
        self.wait_starting(daemon, 2)
        deaf.unlink()
        daemon.ready()
        daemon.wait_workers(2)
        daemon.wait_all_answer(2)

    def test_connect_to_a_new_one_in_a_restart(self):
        """The old one accepts there too, and is quicker as often as not."""
        daemon = self.ready(mute_config(workers=2, pool="ready = { connect = true }"))
        daemon.wait_workers(2)
        before = set(daemon.pids().values())
        load = self.load(daemon)
        load.after(100)
        self.assertEqual(daemon.admin("POST", "/v1/pools/web/restart", {}).status, 200, daemon.log())
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertFalse(set(daemon.pids().values()) & before)
        daemon.wait_all_answer(2)


if __name__ == "__main__":
    unittest.main()
