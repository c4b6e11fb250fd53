"""A server of WebSockets that does what a test wants, right or wrong: one thread a connection.

    with WebSocketStub(lambda socket: socket.echo()) as stub:
        load(stub.url)
"""
import socket
import threading

from tests.support.websocket import accept_of, frame


class StubSocket:
    """One connection, after its handshake."""

    def __init__(self, connection, head):
        self.connection, self.head = connection, head
        self.file = connection.makefile("rb")

    def receive(self):
        """(opcode, payload) of the next frame, unmasked; None at the end."""
        start = self.file.read(2)
        if len(start) < 2:
            return None
        length = start[1] & 0x7F
        if length >= 126:
            length = int.from_bytes(self.file.read(2 if length == 126 else 8), "big")
        mask = self.file.read(4)
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.file.read(length)))
        return start[0] & 0x0F, payload

    def send(self, opcode, payload=b"", **how):
        """A frame."""
        self.connection.sendall(frame(opcode, payload, masked=False, **how))

    def echo(self):
        """Gives everything back, to the end."""
        while (came := self.receive()) is not None:
            self.send(*came)
            if came[0] == 8:
                return


class WebSocketStub:
    """serve: called with each StubSocket; the connection ends when it returns."""

    def __init__(self, serve, accept=accept_of):
        self.serve, self.accept = serve, accept
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.threads = [threading.Thread(target=self._accept_all, daemon=True)]

    def __enter__(self):
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(10)

    def _accept_all(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve_one, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve_one(self, connection):
        with connection:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                if not (byte := connection.recv(1)):
                    return
                head += byte
            fields = dict(line.lower().split(": ", 1) if i else ("", line)
                          for i, line in enumerate(head.decode().strip().split("\r\n")))
            key = next(line[19:] for line in head.decode().split("\r\n")
                       if line.lower().startswith("sec-websocket-key: "))
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
                               + self.accept(key).encode() + b"\r\n\r\n")
            try:
                self.serve(StubSocket(connection, fields))
                connection.shutdown(socket.SHUT_RDWR)  # also where a test has kept it
            except OSError:
                pass  # the client has gone
