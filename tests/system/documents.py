"""What the installed documents tell the administrator to type, word for word. Runs in the container, as root."""
import pathlib
import re
import shutil
import subprocess
import unittest

from tests.support.http import request
from tests.support.wait import until
from tests.system import service
from tests.system.case import SystemCase
from tests.system.service import ADMIN_SOCKET, SERVICE, SOCKET, journal, main_pid, show, systemctl, web_address

FOLDER = pathlib.Path("/usr/share/doc/sockherd")
UNITS = (SERVICE, SOCKET, ADMIN_SOCKET)


def answers(port):
    """Whether anybody does there, to the end: a connection that nobody has accepted would start the service again while it
    is restarted."""
    try:
        return request(f"127.0.0.1:{port}", "GET", "/").status != 0
    except ConnectionRefusedError:
        return False


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

    def assert_closes(self, port):
        """When the workers of before have gone."""
        until(lambda: not answers(port), f"nobody at {port}", explain=lambda: journal(60))

    def test_the_admin_port_is_closed(self):
        """docs/security.md: nobody gets in over TCP any more, and nothing else has changed."""
        text = FOLDER.joinpath("docs/security.md").read_text()
        (commands,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        self.start()
        self.assertTrue(answers(9753))
        self.follow(commands)
        self.assert_closes(9753)
        until(lambda: request("unix:/run/sockherd/admin.sock", "GET", "/v1/status").status == 200, "the admin socket",
              explain=lambda: journal(60))
        self.assertEqual(request(web_address(), "GET", "/plaintext").status, 200)

    def test_the_web_port_is_another(self):
        """README.Debian: the new one is served by all workers, the old one is closed."""
        text = FOLDER.joinpath("README.Debian").read_text()
        commands = "\n".join(line.strip() for line in text.splitlines() if line.startswith("    "))
        self.start()
        self.assertTrue(answers(8080))
        self.follow(commands)
        self.assert_closes(8080)
        seen = set()
        until(lambda: seen.add(request("127.0.0.1:8081", "GET", "/whoami").json()["pid"]) or
              seen >= service.serving() != set(), "every worker answers", explain=journal)

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
        self.assertEqual((answers(8080), answers(8081)), (True, False))
        self.follow(both)
        self.assertTrue(answers(8081), journal(60))
        self.assert_closes(8080)


if __name__ == "__main__":
    unittest.main()
