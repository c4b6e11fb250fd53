"""How programs that are not ours are started: what they are told, and what they may do."""
import unittest

from tests.support.case import DaemonCase
from tests.support.daemon import stub_config
from tests.support.wait import until


class CommandCase(DaemonCase):
    """A pool of stub workers."""

    def portrait(self, daemon, name="web"):
        """What a worker was started with."""
        return daemon.get("/portrait", name).json()

    def started(self, *arguments, workers=1, sockets=None, **options):
        """(daemon, portrait of one of its workers)."""
        daemon = self.ready(stub_config(*arguments, workers=workers, **options), sockets=sockets)
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
        until(lambda: seen.update(self.portrait(daemon)["arguments"]) or len(seen) == 2, "both")
        self.assertEqual(seen, {"0/2", "1/2"})

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


if __name__ == "__main__":
    unittest.main()
