"""What the installed documents tell the administrator to type, word for word. Runs in the container, as root."""
import pathlib
import re
import shutil
import socket
import subprocess
import unittest

from tests.support.http import request
from tests.support.wait import until
from tests.system import service
from tests.system.case import SystemCase
from tests.system.service import (ADMIN_SOCKET, SERVICE, SOCKET, journal, main_pid, show, systemctl, wait_workers,
                                  web_address)

FOLDER = pathlib.Path("/usr/share/doc/sockherd")
UNITS = (SERVICE, SOCKET, ADMIN_SOCKET)


def listens(port):
    """Whether anybody does there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


class Sockets(SystemCase):
    """A socket unit gets other lines while the service runs."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.undo)

    @staticmethod
    def undo():
        """The units as they were installed."""
        systemctl("stop", *UNITS, check=False)
        for unit in UNITS:
            shutil.rmtree(f"/etc/systemd/system/{unit}.d", ignore_errors=True)
        systemctl("daemon-reload")

    def follow(self, commands):
        """As they stand."""
        done = subprocess.run(["sh", "-ec", commands], text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""), journal(60, *UNITS))
        self.assertEqual([show("ActiveState", unit) for unit in UNITS], 3 * ["active"], journal(60, *UNITS))

    def test_the_admin_port_is_closed(self):
        """docs/security.md: nobody gets in over TCP any more, and nothing else has changed."""
        text = FOLDER.joinpath("docs/security.md").read_text()
        (commands,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        self.start()
        self.assertTrue(listens(9753))
        self.follow(commands)
        self.assertFalse(listens(9753), journal(60))
        self.assertEqual(request("unix:/run/sockherd/admin.sock", "GET", "/v1/status").status, 200)
        self.assertEqual(request(web_address(), "GET", "/plaintext").status, 200)

    def test_the_web_port_is_another(self):
        """README.Debian: the new one is served by all workers, the old one is closed."""
        text = FOLDER.joinpath("README.Debian").read_text()
        commands = "\n".join(line.strip() for line in text.splitlines() if line.startswith("    "))
        self.start()
        self.assertTrue(listens(8080))
        self.follow(commands)
        wait_workers(2)
        self.assertFalse(listens(8080), journal(60))
        seen = set()
        until(lambda: seen.add(request("127.0.0.1:8081", "GET", "/whoami").json()["pid"]) or
              seen == service.worker_pids(), "every worker answers", explain=journal)

    def test_the_service_alone_keeps_its_sockets(self):
        """docs/units.md has two commands. The first one is not enough for a socket, the second one is."""
        text = FOLDER.joinpath("docs/units.md").read_text()
        (block,) = re.findall(r"```\n(systemctl daemon-reload && .*?)```", text, re.DOTALL)
        alone, both = block.splitlines()
        self.start()
        folder = pathlib.Path(f"/etc/systemd/system/{SOCKET}.d")
        folder.mkdir()
        folder.joinpath("listen.conf").write_text("[Socket]\nListenStream=\nListenStream=8081\n")
        before = main_pid()
        self.follow(alone)
        self.assertNotEqual(main_pid(), before)
        self.assertEqual((listens(8080), listens(8081)), (True, False))
        self.follow(both)
        self.assertEqual((listens(8080), listens(8081)), (False, True))


if __name__ == "__main__":
    unittest.main()
