"""A server to stand behind a proxy route, which does what a test wants, and knows what it got.

    with Upstream(lambda peer, call: peer.send(answer(b"hello"))) as upstream:
        ... proxy = ["{upstream.address}"] ...
        upstream.calls[0].head        # the bytes, as they came

It reads requests more strictly than any real server would: what it cannot read is a fault of the
proxy, kept in `faults`. Each connection has a thread.
"""
import dataclasses
import os
import re
import socket
import struct
import tempfile
import threading

from tests.support.wait import until

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
PIECE = 1 << 16


def answer(body=b"", *fields, status=200, reason=b"OK", close=False):
    """An answer with its length. fields: "Name: value"."""
    lines = [b"HTTP/1.1 %d %s" % (status, reason), b"Content-Length: %d" % len(body)]
    lines += [b"Connection: close"] * close
    lines += [one.encode() if isinstance(one, str) else one for one in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*pieces, trailers=()):
    """Content in chunks."""
    lines = b"".join(one.encode() + b"\r\n" for one in trailers)
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces) + b"0\r\n" + lines + b"\r\n"


class Fault(Exception):
    """The proxy has sent what is no request."""


@dataclasses.dataclass
class Call:
    """A request. head: its bytes with the empty line; fields: [(name, value)] in their order."""

    head: bytes
    method: str
    target: str
    fields: list
    body: bytes = b""
    trailers: list = dataclasses.field(default_factory=list)

    def values(self, name):
        """Of all fields of that name."""
        return [value for one, value in self.fields if one.lower() == name.lower()]

    def value(self, name):
        """The only one, or None."""
        found = self.values(name)
        if len(found) > 1:
            raise Fault(f"{name} {len(found)} times: {self.head!r}")
        return found[0] if found else None


def parse_head(head):
    """A Call, or Fault."""
    lines = head[:-4].split(b"\r\n")
    words = lines[0].split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1" or not TOKEN.fullmatch(words[0]):
        raise Fault(f"request line {lines[0]!r}")
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name) or any(c < 32 and c != 9 or c == 127 for c in value):
            raise Fault(f"field {line!r}")
        fields.append((name.decode(), value.strip(b" \t").decode("latin-1")))
    return Call(head, words[0].decode(), words[1].decode("latin-1"), fields)


class Peer:
    """A connection of the proxy. received: all bytes that have come."""

    def __init__(self, connection):
        self.socket, self.received, self.rest = connection, bytearray(), b""
        self.calls, self.ended = [], False

    def receive(self):
        """The next bytes; b"" at the end."""
        if self.rest:
            data, self.rest = self.rest, b""
            return data
        data = self.socket.recv(PIECE)
        self.received += data
        self.ended = self.ended or not data
        return data

    def _until(self, mark):
        data = b""
        while mark not in data:
            more = self.receive()
            if not more:
                if data:
                    raise Fault(f"the end in the middle: {data[:300]!r}")
                return None
            data += more
        found, _, self.rest = data.partition(mark)
        return found + mark

    def exactly(self, size):
        """So many bytes."""
        pieces = []
        while size > 0:
            data = self.receive()
            if not data:
                raise ConnectionResetError("the end in the middle of a body")
            pieces.append(data[:size])
            self.rest = data[size:]
            size -= len(pieces[-1])
        return b"".join(pieces)

    def read_head(self):
        """The next request without its content, or None at the end."""
        head = self._until(b"\r\n\r\n")
        return parse_head(head) if head else None

    def read_body(self, call):
        """Its content; chunks as RFC 9112 has them, and nothing more."""
        length, coding = call.value("Content-Length"), call.value("Transfer-Encoding")
        if length is not None and coding is not None:
            raise Fault(f"both framings: {call.head!r}")
        if length is not None:
            if not re.fullmatch("[0-9]+", length):
                raise Fault(f"Content-Length {length!r}")
            return self.exactly(int(length))
        if coding is None:
            return b""
        if coding != "chunked":
            raise Fault(f"Transfer-Encoding {coding!r}")
        return self._read_chunks(call)

    def _read_chunks(self, call):
        pieces = []
        while True:
            line = self._until(b"\r\n")
            if line is None or not re.fullmatch(rb"[0-9a-f]+\r\n", line):
                raise Fault(f"chunk size {line!r}")
            size = int(line, 16)
            if size == 0:
                break
            pieces.append(self.exactly(size))
            if self.exactly(2) != b"\r\n":
                raise Fault("no line end behind a chunk")
        while (line := self._until(b"\r\n")) != b"\r\n":
            if line is None:
                raise Fault("the end in trailers")
            call.trailers.append(line[:-2].decode("latin-1"))
        return b"".join(pieces)

    def read_call(self):
        """The next request, whole, or None at the end."""
        call = self.read_head()
        if call:
            call.body = self.read_body(call)
        return call

    def send(self, data):
        """All of it."""
        self.socket.sendall(data)

    def finish(self):
        """Our end of the stream, and on with reading until the other."""
        self.socket.shutdown(socket.SHUT_WR)
        self.wait_end()

    def wait_end(self):
        """Reads until the proxy has closed."""
        try:
            while self.receive():
                pass
        except ConnectionError:
            self.ended = True

    def reset(self):
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        """Both ends. From another thread, too: it wakes whoever reads."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Upstream:
    """handler(peer, call) answers each request, as often as the proxy asks on a connection;
    conduct(peer), if there is one, is all that a connection does instead."""

    def __init__(self, handler=None, conduct=None, unix=False):
        self.handler = handler or (lambda peer, call: peer.send(answer(call.target.encode())))
        self.conduct = conduct or self._answer_calls
        self.peers, self.calls, self.faults = [], [], []
        self.now, self.most = 0, 0  # requests at a time
        self.lock = threading.Lock()
        self.listener, self.thread, self.folder = None, None, None
        if unix:
            self.folder = tempfile.TemporaryDirectory(prefix="sh-up-", dir="/tmp")
            self.address = f"unix:{self.folder.name}/socket"
        else:
            # It keeps the port while nobody listens there.
            self.holder = self._bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{self.holder.getsockname()[1]}"
        self.listen()

    @staticmethod
    def _bind(name):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(name)
        return one

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def listen(self):
        """Begins to, or begins again."""
        if self.folder:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.address.removeprefix("unix:"))
        else:
            self.listener = self._bind(self.holder.getsockname())
        self.listener.listen(4096)
        self.thread = threading.Thread(target=self._accept, args=(self.listener,), daemon=True)
        self.thread.start()

    def refuse(self):
        """Listens no more, and ends all connections: as one that has crashed."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        except OSError:
            pass
        self.listener.close()
        self.thread.join()
        if self.folder:
            os.unlink(self.address.removeprefix("unix:"))
        with self.lock:
            peers = list(self.peers)
        for peer in peers:
            peer.close()

    def close(self):
        """The end."""
        if self.listener.fileno() >= 0:
            self.refuse()
        if self.folder:
            self.folder.cleanup()
        else:
            self.holder.close()

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            peer = Peer(connection)
            with self.lock:
                self.peers.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        try:
            self.conduct(peer)
        except Fault as fault:
            with self.lock:
                self.faults.append(str(fault))
        except OSError:
            peer.ended = True
        finally:
            peer.close()

    def _answer_calls(self, peer):
        while call := peer.read_call():
            self.note(peer, call)
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            try:
                self.handler(peer, call)
            finally:
                with self.lock:
                    self.now -= 1

    def note(self, peer, call):
        """A request has come."""
        with self.lock:
            peer.calls.append(call)
            self.calls.append(call)

    def targets(self):
        """Of all requests, in the order in which they came."""
        with self.lock:
            return [call.target for call in self.calls]

    def wait_calls(self, count):
        """Until so many have come; all that have."""
        until(lambda: len(self.calls) >= count, f"{count} requests", explain=self.targets)
        return self.calls

    def wait_ended(self, index=0):
        """Until the proxy has closed its connection of that number, or was closed; reading on is the
        conduct's part."""
        until(lambda: len(self.peers) > index and self.peers[index].ended,
              f"the end of connection {index}", explain=self.targets)
