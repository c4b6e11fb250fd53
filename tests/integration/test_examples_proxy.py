"""examples/python-proxy: programs with an address of their own, behind the built-in proxy."""
import os
import signal
import unittest

from tests.support import examples


class Proxied(examples.ServesEverySlot, examples.LosesNothing):
    """What holds for every one of them, whatever it does at SIGTERM."""

    pool = "app"
    shape = examples.ALL_KINDS
    in_hand = 1  # requests that a worker has at a time

    def test_kill_of_every_worker(self):
        """What a worker had in hand is answered 502 at once. No connection breaks."""
        daemon = self.serving(2)
        load = self.under_load(daemon)
        for slot in (0, 1):
            victims = examples.family(self.pids(daemon)[slot])
            for pid in reversed(victims):
                os.kill(pid, signal.SIGKILL)
            self.wait_successor(daemon, victims[0], 2)
            load.after(100)
        report = load.stop()
        self.assertEqual(report.lost, report["wrong_answer"], f"{report.summary()}\n{daemon.log()}")
        self.assertLessEqual(report.lost, 2 * self.in_hand, f"{report.summary()}\n{daemon.log()}")
        self.assert_nothing_lost(self.load(daemon, short=4, count=200).finish(), daemon)


class HttpServer(Proxied, examples.ExampleCase):
    """http.server: one request at a time, a connection for each, and dead at once at SIGTERM."""

    example = "python-proxy"


class GunicornOnUnixSockets(Proxied, examples.ExampleCase):
    """The program of examples/gunicorn on a path of its own. On listen-fds it hangs up on idle connections."""

    example = "python-proxy"
    in_hand = 4
    settings = {
        "pool.app.working_directory": f'"{examples.EXAMPLES / "gunicorn"}"', "pool.app.max_in_flight": 4,
        "pool.app.command": '["gunicorn", "--bind", "unix:{socket}", "--worker-class", "gthread", "--threads", "4", '
                            '"--preload", "app:app"]'}


class UvicornOnPorts(Proxied, examples.ExampleCase):
    """The program of examples/uvicorn as it is. On listen-fds it hangs up on who has not asked yet."""

    example = "python-proxy"
    in_hand = 8
    settings = {
        "pool.app.working_directory": f'"{examples.EXAMPLES / "uvicorn"}"', "pool.app.max_in_flight": 8,
        "pool.app.command": '["uvicorn", "--port", "{port}", "--no-access-log", "app:app"]'}


if __name__ == "__main__":
    unittest.main()
