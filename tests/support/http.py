"""HTTP clients for the tests: a whole one for the admin API, and bare bytes for the engine."""
import http.client
import json
import socket


def connect(address, timeout=20.0):
    """A connected stream socket. `address` as in the configuration: HOST:PORT or unix:PATH."""
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        connection.connect(address.removeprefix("unix:"))
        return connection
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=timeout)


class Connection(http.client.HTTPConnection):
    """http.client over any address."""

    def __init__(self, address, timeout=30.0):
        host = "localhost" if address.startswith("unix:") else address
        super().__init__(host, timeout=timeout)
        self.address = address

    def connect(self):
        self.sock = connect(self.address, self.timeout)


class Response:
    """A complete answer: status, headers (case-insensitive), body."""

    def __init__(self, message):
        self.status = message.status
        self.reason = message.reason
        self.headers = message.headers
        self.body = message.read()

    def json(self):
        """The body as JSON; the error shows the body."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise AssertionError(f"status {self.status}, no JSON: {self.body!r}") from error

    def __repr__(self):
        return f"<{self.status} {self.reason} {dict(self.headers)} {self.body[:300]!r}>"


def request(address, method, path, body=None, headers=None, timeout=30.0):
    """One request on a connection of its own."""
    connection = Connection(address, timeout)
    try:
        connection.request(method, path, body, headers or {})
        return Response(connection.getresponse())
    finally:
        connection.close()


def attempt(ask):
    """What it returns; None where the connection fails, or ends before the answer does: for until(), while whoever
    answers is replaced."""
    try:
        return ask()
    except (OSError, http.client.HTTPException):
        return None


class RawResponse(Response):
    """An answer read from a socket that may carry more of them."""

    def __init__(self, reader, method):
        class Borrowed:  # http.client closes what it reads from; the next answer needs it
            def makefile(self, *_args, **_kwargs):
                return reader
        message = http.client.HTTPResponse(Borrowed(), method=method)
        message._close_conn = lambda: None  # pylint: disable=protected-access
        message.begin()
        super().__init__(message)


class Wire:
    """Bytes out, answers in: for requests that no HTTP library would send."""

    def __init__(self, address, timeout=20.0):
        self.socket = connect(address, timeout)
        self.reader = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes both ends."""
        self.reader.close()
        self.socket.close()

    def send(self, data):
        """Sends text or bytes as they are."""
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def receive(self, method="GET"):
        """The next answer."""
        return RawResponse(self.reader, method)

    def ask(self, data, method="GET"):
        """Sends, and the next answer."""
        self.send(data)
        return self.receive(method)

    def at_end(self):
        """True if the server has closed, after any answers that were read."""
        try:
            return self.reader.read(1) == b""
        except ConnectionResetError:
            return True


class HalfRequest(Wire):
    """A connection that a worker has accepted, with half of a request on it. at: a pid; another worker that
    accepts it is only asked who it is."""

    def __init__(self, address, at=None):
        super().__init__(address)
        self.pid = self.ask("GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n").json()["pid"]
        if at not in (None, self.pid):
            return
        self.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")

    def finish(self):
        """Sends the other half; (status, body) of the answer, which is (200, b"0123456789")."""
        answer = self.ask("56789")
        return answer.status, answer.body
