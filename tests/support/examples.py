"""The programs below examples/ that are not ours, started as their READMEs say, and what all of them must hold.

A suite has one class per program, derived from ExampleCase and from what is asked of it:

    class Node(ServesEverySlot, Survives, ..., ExampleCase):
        example = "node"
"""
import fcntl
import os
import signal
import subprocess

from tests.support import processes
from tests.support.case import ManagedCase
from tests.support.metrics import scrape
from tests.support.paths import ROOT, bin_dir
from tests.support.tcp import accepted
from tests.support.wait import until

EXAMPLES = ROOT / "examples"
# Clients that keep their connections, and some that connect long before they ask: many programs hang up on those at
# SIGTERM (docs/commands.md has the numbers).
ALL_KINDS = {"short": 6, "keepalive": 6, "slow": 6, "think_ms": 50, "rate": 250}
LOST_WITH_A_PROCESS = ("reset", "eof", "short_answer")  # an accepted connection dies like this


def compiled(name, source, *command):
    """A program that has to be compiled: once a build directory, whoever asks first. {source} and {output} are
    replaced in the command."""
    source = EXAMPLES / source
    folder = bin_dir().parent / "examples" / name
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / name
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not output.exists() or output.stat().st_mtime < source.stat().st_mtime:
            subprocess.run([word.format(source=source, output=output) for word in command], check=True,
                           cwd=source.parent)
    return str(output)


def static_c():
    """The program of examples/c."""
    return compiled("hello", "c/hello.c", "gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-static", "-o",
                    "{output}", "{source}")


def crystal():
    """The program of examples/crystal."""
    return compiled("server", "crystal/server.cr", "crystal", "build", "-o", "{output}", "{source}")


def stand_still(pids):
    """SIGSTOP, and waits until it has taken effect."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    until(lambda: all(processes.stat_fields(pid)[0] == "T" for pid in pids), f"{pids} stopped")


def family(pid):
    """A worker and all that it has started."""
    return [pid, *(each for child in processes.children(pid) for each in family(child))]


class ExampleCase(ManagedCase):
    """One example. The load is modest: for languages that answer a few thousand requests a second, and a machine that
    has other things to do."""

    example = ""
    pool = "web"
    settings = {}  # further options: {"pool.web.max_age": '"1h"'}
    shape = {"short": 12, "rate": 250}  # of the load; what not every program takes is in ALL_KINDS

    def serving(self, workers=2, **settings):
        """The example with so many workers, all of which answer."""
        chosen = {f"pool.{self.pool}.workers": workers, **self.settings, **settings}
        folder = EXAMPLES / self.example
        daemon = self.ready((folder / "sockherd.toml").read_text(), working_directory=folder, arguments=[
            word for key, value in chosen.items() for word in ("--set", f"{key}={value}")])
        daemon.wait_workers(workers, self.pool)
        return daemon

    def under_load(self, daemon, **options):
        """Clients that give up late: how fast a language starts on a busy machine is not what is asked here."""
        load = self.load(daemon, **{"timeout_ms": 20_000, "slow_after_ms": 5000, **self.shape, **options})
        load.after(100)
        return load

    def pids(self, daemon):
        """{slot: pid} of the workers."""
        return daemon.pids(self.pool)

    def wait_successor(self, daemon, victim, count):
        """Another one has its place."""
        def replaced():
            pids = self.pids(daemon)
            return len(pids) == count and victim not in pids.values()
        until(replaced, f"a successor of {victim}", explain=lambda: f"{daemon.workers(self.pool)}\n{daemon.log()}")


class ServesEverySlot:
    """What a newcomer looks at first."""

    def test_every_slot_answers(self):
        """Three workers, three answers, each with the name of its slot."""
        daemon = self.serving(3)
        answers = daemon.wait_all_answer(3)
        self.assertEqual(set(answers), {0, 1, 2})
        self.assertEqual(len(set(answers.values())), 3)
        for slot, pid in answers.items():
            self.assertIn(pid, family(self.pids(daemon)[slot]))


class SurvivesKills:
    """kill -9 stands for every crash."""

    def test_kill_of_every_worker(self):
        """Lost is what the killed process had accepted, counted while it stood still, and nothing else."""
        daemon = self.serving(2)
        port = int(daemon.address("web").rsplit(":", 1)[1])
        load = self.under_load(daemon)
        may_be_lost = 0
        for slot in (0, 1):
            victim = self.pids(daemon)[slot]
            stand_still(family(victim))
            may_be_lost += accepted(family(victim), port)
            for pid in reversed(family(victim)):
                os.kill(pid, signal.SIGKILL)
            self.wait_successor(daemon, victim, 2)
            load.after(100)
        report = load.stop()
        lost = sum(report[key] for key in LOST_WITH_A_PROCESS)
        self.assertEqual(report.lost, lost, f"{report.summary()}\n{daemon.log()}")
        self.assertLessEqual(lost, may_be_lost, f"{report.summary()}\n{daemon.log()}")
        self.assert_nothing_lost(self.load(daemon, short=4, count=200).finish(), daemon)


class LosesNothing:
    """What somebody wants."""

    def test_reload_and_scale(self):
        """A reload, 1 to 4 to 1, and a reload again."""
        daemon = self.serving(1)
        load = self.under_load(daemon)
        before = set(self.pids(daemon).values())
        self.assertEqual(daemon.reload().status, 200, daemon.log())
        self.assertFalse(before & set(self.pids(daemon).values()))
        for count in (4, 1):
            self.assertEqual(daemon.scale(count, self.pool).status, 200)
            daemon.wait_workers(count, self.pool)
            load.after(100)
        self.assertEqual(daemon.reload().status, 200, daemon.log())
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)

    def test_restart_of_the_supervisor(self):
        """Asked for, and by kill -9: the workers serve on, and the next one knows them."""
        daemon = self.serving(2)
        load = self.under_load(daemon)
        before = self.pids(daemon)
        daemon.crash()
        load.after(100)
        self.assertEqual(self.pids(daemon), before)
        daemon.restart()  # replaces them, one after the other
        until(lambda: not set(self.pids(daemon).values()) & set(before.values()), "new ones",
              explain=lambda: f"{daemon.workers(self.pool)}\n{daemon.log()}")
        daemon.wait_workers(2, self.pool)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)


class Proxied(ServesEverySlot, LosesNothing):
    """Programs with an address of their own, behind the proxy: nothing is lost whatever they do at SIGTERM."""

    pool = "app"
    shape = ALL_KINDS
    in_hand = 1  # requests that a worker has at a time

    def test_kill_of_every_worker(self):
        """Lost is what a worker had in hand: 502 at once, or what was half sent breaks off. Nobody is refused."""
        daemon = self.serving(2)
        load = self.under_load(daemon)
        for slot in (0, 1):
            victims = family(self.pids(daemon)[slot])
            for pid in reversed(victims):
                os.kill(pid, signal.SIGKILL)
            self.wait_successor(daemon, victims[0], 2)
            load.after(100)
        report = load.stop()
        lost = sum(report[key] for key in (*LOST_WITH_A_PROCESS, "wrong_answer"))
        self.assertEqual(report.lost, lost, f"{report.summary()}\n{daemon.log()}")
        self.assertLessEqual(lost, 2 * self.in_hand, f"{report.summary()}\n{daemon.log()}")
        self.assert_nothing_lost(self.load(daemon, short=4, count=200).finish(), daemon)


class SurvivesHangs:
    """SIGSTOP stands for an endless loop."""

    def test_stopped_worker(self):
        """Found from outside; afterwards nobody fails and nobody waits."""
        daemon = self.serving(2, **{f"pool.{self.pool}.hang_timeout": '"700ms"'})
        load = self.under_load(daemon)
        victims = family(self.pids(daemon)[1])
        stand_still(victims)
        self.wait_successor(daemon, victims[0], 2)
        until(lambda: not any(map(processes.is_alive, victims)), f"the end of {victims}", explain=daemon.log)
        load.after(50)
        self.assertEqual(scrape(daemon).total("sockherd_worker_exits_total", 'reason="hang"'), 1)
        self.assertIn("hung", daemon.log())
        afterwards = self.load(daemon, **self.shape, count=400).finish()
        self.assert_nothing_lost(afterwards, daemon)
        report = load.stop()
        lost = sum(report[key] for key in LOST_WITH_A_PROCESS)
        self.assertEqual(report.lost, lost, f"{report.summary()}\n{daemon.log()}")
