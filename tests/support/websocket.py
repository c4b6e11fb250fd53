"""A WebSocket client of bare frames, for tests and for what is measured: whatever a test wants to say,
valid or not.

    with WebSocketWire(daemon.address("web"), "/echo") as wire:
        wire.send_text("hello")
        wire.receive_message()                     # (TEXT, b"hello")
        wire.send_frame(PING, b"x", masked=False)  # must not be
        wire.receive_close()                       # (1002, b"...")
"""
import base64
import dataclasses
import hashlib
import os

from tests.support.http import Wire

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FINAL = 0x80
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HandshakeRefused(Exception):
    """The answer was not 101; `response` is what came."""

    def __init__(self, response):
        super().__init__(repr(response))
        self.response = response


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame as it came."""

    opcode: int
    payload: bytes = b""
    final: bool = True
    reserved: int = 0


def accept_of(key):
    """What the server must answer to that Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def handshake(address, path="/", key="dGhlIHNhbXBsZSBub25jZQ==", headers=None):
    """The bytes of a request."""
    fields = {"Host": address, "Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key, **(headers or {})}
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
    return f"GET {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1")


def frame(opcode, payload=b"", final=True, masked=True, reserved=0):
    """The bytes of a frame. masked: False for what a server sends, or for a client that is wrong."""
    length = len(payload)
    head = bytearray([(FINAL if final else 0) | reserved << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if length < 126:
        head.append(mask_bit | length)
    elif length < 1 << 16:
        head += bytes([mask_bit | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([mask_bit | 127]) + length.to_bytes(8, "big")
    if not masked:
        return bytes(head) + payload
    mask = os.urandom(4)
    return bytes(head) + mask + masked_with(mask, payload)


def masked_with(mask, payload):
    """XOR, by way of long numbers: a megabyte takes a millisecond."""
    length = len(payload)
    pad = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(length, "big")


class WebSocketWire(Wire):
    """A connection that is open, or HandshakeRefused."""

    def __init__(self, address, path="/", headers=None, timeout=20.0):
        super().__init__(address, timeout)
        key = base64.b64encode(os.urandom(16)).decode()
        try:
            self.response = self.ask(handshake(address, path, key, headers))
            if self.response.status != 101:
                raise HandshakeRefused(self.response)
            if self.response.headers["Sec-WebSocket-Accept"] != accept_of(key):
                raise AssertionError(f"not the accept of {key}: {self.response}")
        except BaseException:
            self.close()
            raise

    def send_frame(self, opcode, payload=b"", **how):
        """See frame()."""
        self.send(frame(opcode, payload, **how))

    def send_text(self, text):
        """A message of one frame."""
        self.send_frame(TEXT, text.encode())

    def send_binary(self, data):
        """A message of one frame."""
        self.send_frame(BINARY, data)

    def send_close(self, code=None, reason=b""):
        """With a code, or an empty one."""
        self.send_frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)

    def receive_frame(self):
        """The next one; EOFError where there is none. A masked one fails: servers must not."""
        first, second = self._exactly(2)
        length = second & 0x7F
        if second & 0x80:
            raise AssertionError("a masked frame from a server")
        if length > 125:
            length = int.from_bytes(self._exactly(2 if length == 126 else 8), "big")
        return Frame(first & 0x0F, self._exactly(length), bool(first & FINAL), first >> 4 & 7)

    def receive_message(self):
        """(TEXT or BINARY, payload) of the next message. Pings are answered, pongs passed over."""
        opcode, whole = None, b""
        while True:
            part = self.receive_frame()
            if part.opcode == PING:
                self.send_frame(PONG, part.payload)
            elif part.opcode in (TEXT, BINARY, CONTINUATION):
                if (part.opcode == CONTINUATION) != (opcode is not None):
                    raise AssertionError(f"{part} within a message of kind {opcode}")
                opcode = part.opcode or opcode
                whole += part.payload
                if part.final:
                    return opcode, whole
            elif part.opcode != PONG:
                raise AssertionError(f"instead of a message: {part}")

    def receive_close(self):
        """(code or None, reason) of the close that comes next but for pings, pongs and data."""
        while (part := self.receive_frame()).opcode != CLOSE:
            pass
        return (int.from_bytes(part.payload[:2], "big") if part.payload else None), part.payload[2:]

    def _exactly(self, count):
        data = self.reader.read(count)
        if len(data) < count:
            raise EOFError(f"{len(data)} of {count} bytes")
        return data
