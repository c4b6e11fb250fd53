"""A server that misbehaves on purpose, to prove that the hammer sees it."""
import itertools
import socket
import struct
import threading

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
GOOD_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
CHUNKED = (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
           b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: 1\r\n\r\n")

# What is sent in answer to a request; None: nothing. The connection is closed after it, except...
ANSWERS = {
    "good": GOOD,
    "good-then-close": GOOD,
    "says-close": GOOD_CLOSE,
    "until-end": b"HTTP/1.0 200 OK\r\n\r\nhello",
    "chunked": CHUNKED,
    "eof": b"",
    "half-head": b"HTTP/1.1 200 OK\r\nConte",
    "short": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
    "short-chunked": CHUNKED[:-20],
    "wrong-status": b"HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nhello",
    "wrong-body": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhullo",
    "too-much": GOOD + b"!",
    "garbage": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "reset": None,
    "reset-in-body": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",
    "hang": None,
    "hang-in-body": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",
    "reset-at-once": None,
    "eof-at-once": None,
}
KEEPS_OPEN = ("good", "chunked", "hang", "hang-in-body", "too-much")


class FaultyServer:
    """Connection number n behaves as behaviours[n % len(behaviours)] says."""

    def __init__(self, *behaviours, family=socket.AF_INET, address=("127.0.0.1", 0)):
        self.behaviours = itertools.cycle(behaviours)
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind(address)
        self.listener.listen(128)
        self.connections = []
        self.thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def address(self):
        """As the hammer wants it."""
        name = self.listener.getsockname()
        if self.listener.family == socket.AF_UNIX:
            return f"unix:{name}"
        host = f"[{name[0]}]" if self.listener.family == socket.AF_INET6 else name[0]
        return f"{host}:{name[1]}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes the accept
        self.thread.join()
        for connection in (self.listener, *self.connections):
            connection.close()

    def _accept(self):
        for behaviour in self.behaviours:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection, behaviour), daemon=True).start()

    def _serve(self, connection, behaviour):
        try:
            if not behaviour.endswith("-at-once"):
                while self._read_request(connection):
                    connection.sendall(ANSWERS[behaviour] or b"")
                    if behaviour not in KEEPS_OPEN:
                        break
            self._end(connection, behaviour)
        except OSError:
            pass  # the other side went first

    @staticmethod
    def _read_request(connection):
        seen = b""
        while not seen.endswith(b"\r\n\r\n"):
            got = connection.recv(65536)
            if not got:
                return False
            seen += got
        return True

    @staticmethod
    def _end(connection, behaviour):
        if behaviour.startswith("reset"):  # no lingering: close() sends a RST
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def refusing_address():
    """An address that refuses: bound by us, so nobody else gets it, but not listening."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder, "127.0.0.1:%d" % holder.getsockname()[1]
