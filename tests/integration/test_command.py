"""How programs that are not ours are started: what they are told, and what they may do."""
import os
import pathlib
import pwd
import unittest

from tests.support.case import DaemonCase
from tests.support.daemon import STUB_WORKER, script_config, stub_config
from tests.support.metrics import scrape
from tests.support.service_manager import ManagedDaemon
from tests.support.wait import until


class CommandCase(DaemonCase):
    """A pool of stub workers."""

    daemon_class = ManagedDaemon

    def portrait(self, daemon, name="web"):
        """What a worker was started with."""
        return daemon.get("/portrait", name).json()

    def started(self, *arguments, workers=1, **options):
        """(daemon, portrait of one of its workers)."""
        daemon = self.ready(stub_config(*arguments, workers=workers, **options))
        return daemon, self.portrait(daemon)


class Marks(CommandCase):
    """What stands in braces, and the dialects."""

    def test_arguments_and_environment_say_who_the_worker_is(self):
        """What is no mark stays."""
        daemon, seen = self.started("{pool}.{slot}.{generation}", "{fd:web}", "{{slot} {other} {",
                                    environment=["ID={slot}", "WHERE=127.0.0.1:{port}"])
        self.assertEqual(seen["arguments"], ["web.0.1", "3", "{slot} {other} {"])
        self.assertEqual(seen["environment"]["ID"], "0")
        self.assertEqual(seen["environment"]["WHERE"], daemon.address("web"))

    def test_each_slot_and_each_generation_has_its_own(self):
        """Those of a slot stay the same, that of a generation does not."""
        config = stub_config("{slot}/{generation}", workers=2)
        daemon = self.ready(config)
        daemon.rewrite(config.replace("MARKER=one", "MARKER=two"))
        self.assertEqual(daemon.reload().status, 200, daemon.log())
        seen = set()
        until(lambda: seen.update(self.portrait(daemon)["arguments"]) or {"0/2", "1/2"} <= seen,
              "both", explain=lambda: seen)
        # Those before may have accepted once more, before they had read that they are to go.
        self.assertLessEqual(seen, {"0/1", "1/1", "0/2", "1/2"})

    def test_dialects_name_the_sockets_that_are_passed(self):
        """And the descriptors are what they say."""
        daemon, seen = self.started(pool='dialects = ["server-starter", "einhorn"]')
        told = seen["environment"]
        self.assertEqual(told["SERVER_STARTER_PORT"], f"{daemon.address('web')}=3")
        self.assertEqual((told["EINHORN_FDS"], told["EINHORN_FD_COUNT"], told["EINHORN_FD_0"]),
                         ("3", "1", "3"))
        self.assertEqual(told["EINHORN_MASTER_PID"], str(daemon.pid))

    def test_a_descriptor_of_a_listener_that_is_not_there_is_a_fault(self):
        """Named with its place and a remedy."""
        daemon = self.launch(stub_config("{fd:wbe}"))
        self.assertEqual(daemon.start_status(), 6)
        self.assert_in(["web.command[4]", "{fd:wbe}", 'did you mean "web"?'], daemon.log())


class Surroundings(CommandCase):
    """User, directory, limits."""

    def test_runs_as_the_user_of_its_pool(self):
        """With its groups and its home; it can say READY=1 all the same."""
        stub = self.program(pathlib.Path(STUB_WORKER).read_text())
        daemon = self.ready(script_config(stub, pool='user = "www-data"'))
        seen = self.portrait(daemon)
        account = pwd.getpwnam("www-data")
        self.assertEqual((set(seen["user"]), set(seen["group"]), seen["groups"]),
                         ({account.pw_uid}, {account.pw_gid}, [account.pw_gid]))
        told = seen["environment"]
        self.assertEqual((told["USER"], told["LOGNAME"], told["HOME"]),
                         ("www-data", "www-data", account.pw_dir))

    def test_directory_umask_descriptors_and_cpu(self):
        """Those of the pool."""
        _, seen = self.started(
            pool='working_directory = "/usr/share"\numask = "0077"\nnofile = 333\npin = "auto"')
        self.assertEqual((seen["directory"], seen["umask"], seen["nofile"][0]),
                         ("/usr/share", 0o077, 333))
        self.assertEqual(seen["cpus"], [min(os.sched_getaffinity(0))])

    def test_the_soft_limit_is_the_one_that_we_were_started_with(self):
        """We raise our own; a program that uses select(2) must not get that."""
        daemon = self.ready(stub_config(), prefix=["/usr/bin/prlimit", "--nofile=444:5555"])
        seen = self.portrait(daemon)
        self.assertEqual(seen["nofile"], [444, 5555])

    def test_each_slot_has_a_cpu(self):
        """In turn."""
        daemon = self.ready(stub_config(workers=2, pool='pin = "auto"'))
        cpus = sorted(os.sched_getaffinity(0))
        seen = {}

        def look():
            portrait = self.portrait(daemon)
            seen[portrait["environment"]["SOCKHERD_SLOT"]] = portrait["cpus"]
            return len(seen) == 2
        until(look, "both answer")
        self.assertEqual(seen, {"0": [cpus[0]], "1": [cpus[1 % len(cpus)]]})

    def test_what_is_not_there_is_named_with_its_stage(self):
        """A start that fails says which step it was, and what to do."""
        for pool, *words in (
                ('user = "nobdy"', "find the user nobdy of", "there is no such user"),
                ('working_directory = "/no/such"', "in /no/such: No such file or directory"),
                ("nofile = 1000000000", "set the descriptor limit of", "LimitNOFILE=")):
            with self.subTest(pool=pool):
                config = stub_config(workers=1, pool=pool)
                daemon = self.launch(config, prefix=["/usr/bin/prlimit", "--nofile=444:5555"])
                until(lambda d=daemon: words[0] in d.log(), words[0], explain=daemon.log)
                self.assert_in(words, daemon.log())

    def test_a_reload_to_a_user_that_is_not_there_fails_with_the_reason(self):
        """And changes nothing."""
        config = stub_config(workers=2)
        daemon = self.ready(config)
        before = daemon.pids()
        daemon.rewrite(config + 'user = "nobdy"\n')
        answer = daemon.reload()
        self.assertEqual(answer.status, 500, answer.body)
        self.assertIn("there is no such user", answer.body.decode())
        self.assertEqual(daemon.pids(), before)


class Usage(CommandCase):
    """What a worker uses is in the metrics."""

    def test_memory_and_cpu_of_each_slot(self):
        """Of any program."""
        daemon = self.ready(stub_config(workers=2))
        daemon.wait_workers(2)

        def uses():
            for _ in range(20):  # the kernel counts ticks of 10 ms, and has none before the first
                daemon.whoami()
            seen = scrape(daemon)
            return [(seen.total("sockherd_worker_memory_bytes", *labels) > 1 << 20,
                     seen.total("sockherd_worker_cpu_seconds", *labels) > 0)
                    for labels in (('pool="web"', f'slot="{slot}"') for slot in "01")]
        until(lambda: uses() == [(True, True)] * 2, "memory and time of both", explain=uses)

    def test_limits_that_cannot_be_set_are_said_once(self):
        """Nobody has delegated a group below its own to a process that sees no other control group than that one;
        the program serves all the same."""
        daemon = self.ready(stub_config(workers=2, pool='memory_max = "1GiB"'),
                            prefix=["/usr/bin/unshare", "--cgroup"])
        daemon.wait_workers(2)
        self.assertEqual(daemon.log().count("limits-not-set pool=web"), 1, daemon.log())
        self.assertIn("DelegateSubgroup=", daemon.log())


# Says which signal it was told to go by.
LEAVER = """
import os, signal, socket, sys
def leave(number, _):
    print("left by", signal.Signals(number).name, file=sys.stderr, flush=True)
    sys.exit(0)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGABRT, signal.SIGUSR1):
    signal.signal(number, leave)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
while True:
    signal.pause()
"""


class Signals(CommandCase):
    """How a program is told to go."""

    def config(self, pool):
        """A pool of one that leaves."""
        return script_config(self.program(LEAVER), pool=pool)

    def test_a_stop_sends_the_stop_signal(self):
        """Whatever we were told ourselves."""
        for name in ("SIGTERM", "SIGINT", "SIGQUIT", "SIGUSR1"):
            with self.subTest(name):
                daemon = self.ready(self.config(f'stop_signal = "{name}"'), stop_means=None)
                daemon.stop()
                self.assertIn(f"left by {name}", daemon.log())

    def test_an_adopted_worker_is_told_by_the_signal_that_it_was_started_with(self):
        """Even if the configuration says another one by now."""
        daemon = self.ready(self.config('stop_signal = "SIGUSR1"'))
        daemon.wait_workers(1)
        daemon.rewrite(self.config('stop_signal = "SIGQUIT"'))
        daemon.stop_means = None
        daemon.crash()  # what comes next has another configuration, and replaces it
        daemon.wait_log("left by SIGUSR1")
        daemon.wait_workers(1)
        daemon.terminate()
        self.assertIn("left by SIGQUIT", daemon.log())


if __name__ == "__main__":
    unittest.main()
