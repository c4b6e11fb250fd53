"""The service manager's end of sd_notify(3): records every datagram, in order."""
import array
import os
import socket
import struct
import threading
import time

from tests.support.wait import until

CREDENTIALS = struct.Struct("3i")


class Message(dict):
    """One datagram as a dict of its assignments."""

    def __init__(self, text, pid, descriptors):
        super().__init__(line.split("=", 1) for line in text.splitlines() if "=" in line)
        self.pid = pid                    # of the sender, as the kernel saw it
        self.descriptors = descriptors    # how many came along
        self.at = time.monotonic()


class NotifySocket:
    """Listens at `path` in a thread of its own, so that a sender never meets a full queue."""

    def __init__(self, path):
        self.path = path
        self.messages = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(path)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def close(self):
        """Ends the thread; what was recorded stays."""
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with end:
            end.sendto(b"", self.path)
        self.thread.join()
        self.socket.close()

    def _read(self):
        room = socket.CMSG_SPACE(CREDENTIALS.size) + socket.CMSG_SPACE(4 * 253)
        while True:
            data, control, _, _ = self.socket.recvmsg(65536, room)
            if not data:
                return
            pid, descriptors = None, array.array("i")
            for level, kind, content in control:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                    pid = CREDENTIALS.unpack(content)[0]
                elif level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    descriptors.frombytes(content[:len(content) // 4 * 4])
            for fd in descriptors:
                os.close(fd)  # for BARRIER=1 this is the answer the sender waits for
            self.messages.append(Message(data.decode(), pid, len(descriptors)))

    def mark(self):
        """How many messages there are; `since` of the others."""
        return len(self.messages)

    def find(self, key, value=None, since=0):
        """The first message from `since` on that assigns `key` (`value`), or None."""
        for message in self.messages[since:]:
            if key in message and value in (None, message[key]):
                return message
        return None

    def wait_for(self, key, value=None, since=0, deadline=30.0, explain=None):
        """Waits for such a message and returns it."""
        wanted = key if value is None else f"{key}={value}"
        return until(lambda: self.find(key, value, since), f"notify message {wanted}",
                     deadline=deadline, explain=explain or (lambda: repr(self.messages[since:])))

    def values(self, key):
        """All values that `key` was ever given, in order."""
        return [message[key] for message in self.messages if key in message]
