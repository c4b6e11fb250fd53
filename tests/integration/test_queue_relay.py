"""What waits in the queue of a command that does not come back is passed on to its siblings."""
import os
import pathlib
import signal
import tempfile

from tests.support.case import ManagedCase
from tests.support.daemon import stub_config
from tests.support.http import Wire
from tests.support.metrics import scrape
from tests.support.wait import until

CLIENTS = 40  # half of them wait in each queue, by the kernel's hash


class QueueRelay(ManagedCase):
    """Two commands, one of which ends in a crash loop."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="sh-", dir="/tmp")
        self.addCleanup(directory.cleanup)
        self.flag = pathlib.Path(directory.name, "crash")

    def lose_slot_0(self, pool):
        """A daemon whose slot 0 has connections in its queue, and no worker; and those of all clients."""
        daemon = self.ready(stub_config("--crash-slot", "0", "--while", str(self.flag),
                                        pool=f'restart_delay_max = "60s"\n{pool}'))
        daemon.wait_workers(2)
        victim = daemon.pids()[0]
        os.kill(victim, signal.SIGSTOP)
        clients = [Wire(daemon.address("web")) for _ in range(CLIENTS)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(b"GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n")
        self.flag.touch()
        os.kill(victim, signal.SIGKILL)
        return daemon, clients

    def relayed(self, daemon):
        """How many connections were passed on."""
        return scrape(daemon)['sockherd_connections_relayed_total{pool="web"}']

    def test_siblings_answer_what_waited(self):
        """All of it, though its own worker never comes back."""
        daemon, clients = self.lose_slot_0('adopt_after = "100ms"')
        answers = [client.receive() for client in clients]
        self.assertEqual({answer.json()["slot"] for answer in answers}, {1})
        until(lambda: self.relayed(daemon) > 0, "a count")
        self.assertLess(self.relayed(daemon), CLIENTS)
        self.assertIn("queue-relayed", daemon.log())

    def test_0s_leaves_it_where_it_is(self):
        """For its own worker, as soon as it comes back."""
        daemon, clients = self.lose_slot_0('adopt_after = "0s"')
        until(lambda: daemon.log().count("worker-crashed") > 3, "a crash loop")
        self.flag.unlink()
        answers = [client.receive() for client in clients]
        self.assertEqual({answer.json()["slot"] for answer in answers}, {0, 1})
        self.assertNotIn("queue-relayed", daemon.log())
