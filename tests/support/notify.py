"""The service manager's end of sd_notify(3): records every datagram, in order."""
import array
import os
import select
import socket
import struct
import threading
import time

from tests.support.wait import until

CREDENTIALS = struct.Struct("3i")
END, FLUSH = b"TEST=end", b"TEST=flush"  # from ourselves to the thread


def close_all(descriptors):
    """Closes numbers that came in a message."""
    for fd in descriptors:
        os.close(fd)


class Message(dict):
    """One datagram as a dict of its assignments."""

    def __init__(self, text, pid, descriptors):
        super().__init__(line.split("=", 1) for line in text.splitlines() if "=" in line)
        self.pid = pid                    # of the sender, as the kernel saw it
        self.descriptors = descriptors    # how many came along
        self.at = time.monotonic()


class NotifySocket:
    """Listens at `path` in a thread of its own, so that a sender never meets a full queue."""

    turn_seconds = None  # on_turn() comes at least that often

    def __init__(self, path):
        self.path = path
        self.messages = []
        self.is_closed = False
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(path)
        self.poll = select.epoll()
        self.poll.register(self.socket, select.EPOLLIN)
        self.lock = threading.Lock()  # held while the thread handles what it was woken for
        self.flushed = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def close(self):
        """Ends the thread; what was recorded stays."""
        self._tell_thread(END)
        self.thread.join()
        self.poll.close()
        self.socket.close()
        self.is_closed = True

    def flush(self):
        """Waits until everything that was sent before has been taken, by the living and the dead."""
        self.flushed.clear()
        self._tell_thread(FLUSH)
        if not self.flushed.wait(30):
            raise AssertionError("the thread of the notify socket has ended")

    def _tell_thread(self, word):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(word, self.path)

    def _run(self):
        is_open = True
        while is_open:
            woken = self.poll.poll(self.turn_seconds)
            with self.lock:
                for fd, events in woken:
                    if fd == self.socket.fileno():
                        is_open = self._receive()
                    else:
                        self.on_event(fd, events)
                self.on_turn()

    def _receive(self):
        """Takes one datagram; False: it was the last one."""
        room = socket.CMSG_SPACE(CREDENTIALS.size) + socket.CMSG_SPACE(4 * 253)
        data, control, _, _ = self.socket.recvmsg(65536, room, socket.MSG_CMSG_CLOEXEC)
        pid, descriptors = None, array.array("i")
        for level, kind, content in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                pid = CREDENTIALS.unpack(content)[0]
            elif level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[:len(content) // 4 * 4])
        if pid == os.getpid() and data == END:
            return False
        if pid == os.getpid() and data == FLUSH:
            self.flushed.set()
        else:
            self.take(Message(data.decode(), pid, len(descriptors)), list(descriptors))
        return True

    def take(self, message, descriptors):
        """One message of the daemon. This class keeps no descriptor that comes with it."""
        close_all(descriptors)  # for BARRIER=1 this is the answer the sender waits for
        self.messages.append(message)

    def on_event(self, fd, events):
        """Something that a subclass has put into `poll`."""
        raise NotImplementedError

    def on_turn(self):
        """Whatever a subclass has to do now and then."""

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
