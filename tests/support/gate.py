"""Where handlers of test_blocking.so wait until a test lets them pass, so no clock decides anything.

    gate = Gate()
    wire.send(f"GET /gate?fifo={gate.path} ...")
    gate.open()
"""
import os
import pathlib
import tempfile


class Gate:
    """A FIFO. Each byte in it lets one handler pass."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="sh-gate-", dir="/tmp")
        os.chmod(self.directory.name, 0o755)  # workers may have another user
        self.path = pathlib.Path(self.directory.name, "gate")
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)  # of both ends: nobody waits for the other

    def open(self, count=1):
        """For so many."""
        os.write(self.fd, b"x" * count)

    def close(self):
        """For good."""
        os.close(self.fd)
        self.directory.cleanup()
