"""Clients that send garbage or nothing must not stop the others."""
import random
import resource
import unittest

from tests.support.case import DaemonCase
from tests.support.daemon import basic_config
from tests.support.http import connect, request
from tests.support.wait import until

IDLE = 2000


class HostileClients(DaemonCase):
    """Each on a daemon of its own."""

    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < IDLE + 1000:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))

    def connections(self, daemon, count):
        """Open sockets to the web listener, closed at the end of the test."""
        opened = [connect(daemon.address("web")) for _ in range(count)]
        for one in opened:
            self.addCleanup(one.close)
        return opened

    def test_thousands_of_idle_and_half_sent_requests(self):
        """They hold descriptors, nothing else."""
        daemon = self.ready()
        idle = self.connections(daemon, IDLE)
        for one in idle[::2]:
            one.sendall(b"GET /plaintext HTTP/1.1\r\nHost:")
        load = self.load(daemon, count=2000)
        self.assert_nothing_lost(load.finish(), daemon)

    def test_garbage_while_others_are_served(self):
        """Random bytes on hundreds of connections; every worker is the same process afterwards."""
        daemon = self.ready()
        before = daemon.wait_all_answer(2)
        load = self.load(daemon)
        chaos = random.Random(1)
        for one in self.connections(daemon, 400):
            one.sendall(chaos.randbytes(chaos.randrange(1, 4000)))
        load.after(500)
        self.assert_nothing_lost(load.stop(), daemon)
        self.assertEqual(daemon.wait_all_answer(2), before)

    def test_connections_over_the_limit_are_told(self):
        """503 to those over max_connections; when some leave, others are served again."""
        daemon = self.ready(basic_config(workers=1, pool="max_connections = 10"))
        held = self.connections(daemon, 10)
        for one in held:
            one.sendall(b"GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"200", one.recv(4096))
        self.assertEqual(request(daemon.address("web"), "GET", "/plaintext").status, 503)
        held[0].close()
        until(lambda: request(daemon.address("web"), "GET", "/plaintext").status == 200,
              "a place for the next client")

    def test_garbage_at_the_admin_port(self):
        """The admin server answers others while clients send nothing or nonsense."""
        daemon = self.ready()
        for index in range(100):
            one = connect(daemon.address("admin", index % 2))
            self.addCleanup(one.close)
            one.sendall([b"GET /metrics HTTP/1.1\r\nHost:", b"\x16\x03\x01\0\r\n\r\n", b"\0" * 9000,
                         b"A" * 100][index % 4])
        self.assertEqual(daemon.admin("GET", "/livez").status, 200)
        self.assertEqual(daemon.admin("GET", "/livez", index=1).status, 200)


if __name__ == "__main__":
    unittest.main()
