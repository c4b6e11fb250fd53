"""Servers that stand behind a proxy, for tests: each connection is a thread with a function of the test."""
import contextlib
import os
import socket
import threading


class Upstream:
    """Accepts on 127.0.0.1 (or a Unix socket) and calls serve(connection) for each connection."""

    def __init__(self, serve, path=None):
        family = socket.AF_INET if path is None else socket.AF_UNIX
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind(("127.0.0.1", 0) if path is None else path)
        self.listener.listen(128)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}" if path is None else f"unix:{path}"
        self.path = path
        self.connections = []
        self.served = 0
        self._serve = serve
        self._threads = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _run(self, connection):
        with contextlib.suppress(OSError), connection:
            self._serve(Exchange(self, connection))

    def close(self):
        """Nobody answers any more, whatever is under way."""
        for each in [self.listener, *self.connections]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join()
        for thread in self._threads:
            thread.join()
        if self.path:
            with contextlib.suppress(OSError):
                os.unlink(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()


class Exchange:
    """One connection as its server sees it."""

    def __init__(self, upstream, connection):
        self.upstream = upstream
        self.connection = connection
        self.reader = connection.makefile("rb")

    def head(self):
        """The next head as (request line, {field: value} in lower case), or None at the end."""
        line = self.reader.readline()
        if not line:
            return None
        fields = {}
        while (field := self.reader.readline()) not in (b"\r\n", b""):
            name, _, value = field.partition(b":")
            fields[name.decode().lower()] = value.strip().decode()
        self.upstream.served += 1
        return line.decode().rstrip("\r\n"), fields

    def body(self, fields):
        """The content of a request with such fields."""
        if fields.get("transfer-encoding") == "chunked":
            content = b""
            while size := int(self.reader.readline(), 16):
                content += self.reader.read(size)
                self.reader.readline()
            self.reader.readline()
            return content
        return self.reader.read(int(fields.get("content-length", 0)))

    def send(self, data):
        self.connection.sendall(data)

    def answer(self, content=b"ok", status="200 OK", fields=""):
        self.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n{fields}\r\n".encode()
                  + content)


def answering(content=b"ok", fields=""):
    """A serve function: the same answer to every request, on connections that stay."""
    def serve(exchange):
        while asked := exchange.head():
            exchange.body(asked[1])
            exchange.answer(content, fields=fields)
    return serve
