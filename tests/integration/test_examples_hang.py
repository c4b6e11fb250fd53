"""The examples, one worker of which hangs: it is found by its queue, whatever language it is written in."""
import unittest

from tests.support import examples, processes
from tests.support.metrics import scrape
from tests.support.wait import until


class Node(examples.SurvivesHangs, examples.ExampleCase):
    """server.listen({ fd: 3 })."""

    example = "node"
    shape = examples.ALL_KINDS


class StaticC(examples.SurvivesHangs, examples.ExampleCase):
    """It knows nothing but LISTEN_FDS."""

    example = "c"

    @classmethod
    def setUpClass(cls):
        cls.settings = {"pool.web.command": f'["{examples.static_c()}"]'}


class Uvicorn(examples.SurvivesHangs, examples.ExampleCase):
    """It is told the number of its socket."""

    example = "uvicorn"
    settings = {"pool.web.command": '["uvicorn", "--fd", "{fd:web}", "--no-access-log", "app:app"]'}


class Puma(examples.SurvivesHangs, examples.ExampleCase):
    """It has threads of its own."""

    example = "puma"


class Gunicorn(examples.SurvivesHangs, examples.ExampleCase):
    """It has a child that serves."""

    example = "gunicorn"

    def test_only_its_child_hangs(self):
        """The arbiter, which is our worker, is as well as ever: the queue tells."""
        daemon = self.serving(2, **{"pool.web.hang_timeout": '"700ms"'})
        load = self.under_load(daemon)
        arbiter, child = examples.family(self.pids(daemon)[0])
        examples.stand_still([child])
        self.wait_successor(daemon, arbiter, 2)
        until(lambda: not any(map(processes.is_alive, (arbiter, child))), f"the end of {child}", explain=daemon.log)
        load.after(100)
        self.assertEqual(scrape(daemon).total("sockherd_worker_exits_total", 'reason="hang"'), 1)
        self.assert_nothing_lost(self.load(daemon, **self.shape, count=300).finish(), daemon)


class BehindTheProxy(examples.ExampleCase):
    """It has a queue of its own, and the clients have one in front of it."""

    example = "python-proxy"
    pool = "app"

    def test_stopped_worker(self):
        """Who was with it is told so (504); then it is asked no more, and replaced."""
        daemon = self.serving(2, **{"pool.app.hang_timeout": '"700ms"', "pool.app.request_timeout": '"500ms"'})
        load = self.under_load(daemon)
        victim = self.pids(daemon)[1]
        examples.stand_still([victim])
        self.wait_successor(daemon, victim, 2)
        until(lambda: not processes.is_alive(victim), f"the end of {victim}", explain=daemon.log)
        load.after(50)
        self.assertEqual(scrape(daemon).total("sockherd_worker_exits_total", 'reason="hang"'), 1)
        self.assert_nothing_lost(self.load(daemon, **self.shape, count=400).finish(), daemon)
        report = load.stop()
        self.assertEqual(report.lost, report["wrong_answer"], f"{report.summary()}\n{daemon.log()}")
        self.assertEqual(report["slow"], 0, report.summary())


if __name__ == "__main__":
    unittest.main()
