"""permessage-deflate (RFC 7692) from the client's side, with Python's zlib as the other end."""
import os
import unittest
import zlib

from tests.support.case import SharedDaemonCase
from tests.support.websocket import BINARY, CONTINUATION, PING, TEXT, WebSocketWire, frame

TAIL = b"\x00\x00\xff\xff"
COMPRESSED = 4  # RSV1
PROTOCOL_ERROR, BAD_DATA, TOO_BIG = 1002, 1007, 1009
LIMIT = 1 << 20
WORDS = b"".join(b"%d bottles on the wall, " % i for i in range(400))


def deflated(data, compressor=None):
    """The payload of a compressed message."""
    compressor = compressor or zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


class Deflated(WebSocketWire):
    """A connection that offers it and keeps the windows of both directions, as was agreed."""

    def __init__(self, address, offer):
        super().__init__(address, headers={"Sec-WebSocket-Extensions": offer})
        self.agreed = parsed(self.response.headers.get("Sec-WebSocket-Extensions"))
        self.window = int((self.agreed or {}).get("server_max_window_bits") or 15)
        own = int((self.agreed or {}).get("client_max_window_bits") or 15)
        self.new_compressor = lambda: zlib.compressobj(wbits=-own)
        self.compressor, self.decompressor = self.new_compressor(), zlib.decompressobj(-self.window)

    def send_deflated(self, kind, data):
        """A message."""
        if "client_no_context_takeover" in self.agreed:
            self.compressor = self.new_compressor()
        self.send_frame(kind, deflated(data, self.compressor), reserved=COMPRESSED)

    def receive_inflated(self):
        """(kind, data, whether it was compressed) of the next message, in however many frames."""
        first = part = self.receive_frame()
        whole = part.payload
        while not part.final:
            part = self.receive_frame()
            whole += part.payload
            if part.opcode != CONTINUATION or part.reserved:
                raise AssertionError(f"{part} within a message")
        if first.reserved == COMPRESSED:
            if "server_no_context_takeover" in self.agreed:
                self.decompressor = zlib.decompressobj(-self.window)
            whole = self.decompressor.decompress(whole + TAIL)
        elif first.reserved:
            raise AssertionError(f"{first}")
        return first.opcode, whole, bool(first.reserved)


def parsed(header):
    """{parameter: value or None}, or None where there is no extension."""
    if header is None:
        return None
    name, *parameters = [part.strip() for part in header.split(";")]
    if name != "permessage-deflate":
        raise AssertionError(header)
    pairs = [parameter.partition("=") for parameter in parameters]
    found = {key.strip(): value.strip().strip('"') or None for key, _, value in pairs}
    if len(found) != len(parameters):
        raise AssertionError(f"twice the same: {header}")
    return found


class Deflate(SharedDaemonCase):
    """One connection a question."""

    config = f"""
[listener.web]
[pool.web]
listeners = ["web"]
workers = 1
max_message_size = {LIMIT}
routes = [{{ path = "/", websocket = "echo" }}]
"""

    def open(self, offer="permessage-deflate"):
        """A connection that is closed after the test, and not before."""
        wire = Deflated(self.daemon.address("web"), offer)
        self.addCleanup(wire.close)
        return wire

    def assert_refused(self, codes, *frames):
        """These frames end a connection where it was agreed with one of these codes."""
        with self.subTest(frames=[one[:40] for one in frames]):
            with Deflated(self.daemon.address("web"), "permessage-deflate") as wire:
                for one in frames:
                    wire.send(one)
                self.assertIn(wire.receive_close()[0], codes if isinstance(codes, tuple) else (codes,))

    def assert_echoes(self, wire, compressible=True):
        """Messages of many kinds come back, some of them compressed."""
        compressed = 0
        for kind, data in ((TEXT, b"hello"), (TEXT, WORDS), (TEXT, WORDS), (BINARY, b""), (BINARY, bytes(300_000)),
                           (BINARY, os.urandom(70_000)), (TEXT, WORDS * 30)):
            wire.send_deflated(kind, data)
            came, whole, was_compressed = wire.receive_inflated()
            self.assertEqual((came, len(whole), whole == data), (kind, len(data), True))
            compressed += was_compressed
        if compressible:
            self.assertGreater(compressed, 0)

    def test_it_is_agreed_and_messages_come_back(self):
        wire = self.open()
        self.assertIsNotNone(wire.agreed)
        self.assertNotIn("client_max_window_bits", wire.agreed)  # was not offered: RFC 7692, 7.1.2.2
        self.assert_echoes(wire)

    def test_every_window_that_is_offered(self):
        for bits in range(9, 16):
            for offer in (f"server_max_window_bits={bits}", f"client_max_window_bits={bits}",
                          f"server_max_window_bits={bits}; client_max_window_bits={bits}",
                          f'server_max_window_bits="{bits}"; client_max_window_bits'):
                with self.subTest(offer=offer):
                    wire = self.open(f"permessage-deflate; {offer}")
                    if wire.agreed is None:
                        self.fail("it was declined")
                    if "server_max_window_bits" in offer:
                        self.assertLessEqual(int(wire.agreed["server_max_window_bits"]), bits)
                    if f"client_max_window_bits={bits}" in offer and "client_max_window_bits" in wire.agreed:
                        self.assertLessEqual(int(wire.agreed["client_max_window_bits"]), bits)
                    self.assert_echoes(wire)

    def test_without_context_takeover(self):
        for offer in ("server_no_context_takeover", "client_no_context_takeover",
                      "server_no_context_takeover; client_no_context_takeover"):
            with self.subTest(offer=offer):
                wire = self.open(f"permessage-deflate; {offer}")
                if "server_no_context_takeover" in offer:
                    self.assertIn("server_no_context_takeover", wire.agreed)
                self.assert_echoes(wire)

    def test_an_offer_that_is_wrong_is_declined_and_the_next_one_taken(self):
        for wrong in ("permessage-deflate; unknown", "permessage-deflate; server_max_window_bits",
                      "permessage-deflate; server_max_window_bits=7", "permessage-deflate; server_max_window_bits=16",
                      "permessage-deflate; client_max_window_bits=16", "permessage-deflate; client_max_window_bits=0x9",
                      "permessage-deflate; server_no_context_takeover=1",
                      "permessage-deflate; server_max_window_bits=010",
                      "permessage-deflate; client_max_window_bits=10; client_max_window_bits=10",
                      "permessage-bzip2", "x-webkit-deflate-frame"):
            with self.subTest(wrong=wrong):
                self.assertIsNone(self.open(wrong).agreed)
                wire = self.open(f"{wrong}, permessage-deflate; server_no_context_takeover")
                self.assertIn("server_no_context_takeover", wire.agreed)

    def test_a_message_may_be_sent_as_it_is(self):
        wire = self.open()
        wire.send_text("plain")
        self.assertEqual(wire.receive_inflated()[:2], (TEXT, b"plain"))
        wire.send_deflated(TEXT, b"compressed")
        self.assertEqual(wire.receive_inflated()[:2], (TEXT, b"compressed"))

    def test_fragments_of_a_compressed_message_with_a_ping_between(self):
        wire = self.open()
        payload = deflated(WORDS, wire.compressor)
        for i in range(0, len(payload), 100):
            wire.send_frame(CONTINUATION if i else TEXT, payload[i:i + 100], final=False,
                            reserved=0 if i else COMPRESSED)
        wire.send_frame(PING, b"between")
        self.assertEqual(wire.receive_frame().payload, b"between")
        wire.send_frame(CONTINUATION, b"")
        self.assertEqual(wire.receive_inflated()[:2], (TEXT, WORDS))

    def test_other_ways_to_end_a_block(self):
        whole = zlib.compressobj(wbits=-15)
        finished = whole.compress(WORDS) + whole.flush()  # with BFINAL: RFC 7692, 7.2.3.4
        stored = zlib.compressobj(level=0, wbits=-15)
        for payload in (finished + b"\x00", deflated(WORDS, stored)):
            wire = self.open()
            wire.send_frame(TEXT, payload, reserved=COMPRESSED)
            self.assertEqual(wire.receive_inflated()[:2], (TEXT, WORDS))

    def test_the_bit_stands_on_the_first_frame_of_data_only(self):
        self.assert_refused(PROTOCOL_ERROR, frame(TEXT, b"x", final=False), frame(CONTINUATION, b"x", reserved=COMPRESSED))
        self.assert_refused(PROTOCOL_ERROR, frame(PING, b"x", reserved=COMPRESSED))
        for reserved in (1, 2, 3, 5, 6, 7):
            self.assert_refused(PROTOCOL_ERROR, frame(TEXT, deflated(b"x"), reserved=reserved))

    def test_what_does_not_inflate_is_refused(self):
        self.assert_refused((BAD_DATA, PROTOCOL_ERROR), frame(BINARY, b"\xff" * 50, reserved=COMPRESSED))

    def test_utf8_is_that_of_the_inflated_text(self):
        self.assert_refused(BAD_DATA, frame(TEXT, deflated(b"ok \xed\xa0\x80"), reserved=COMPRESSED))

    def test_a_small_message_that_inflates_beyond_the_limit_is_refused(self):
        wire = self.open()
        wire.send_deflated(BINARY, bytes(LIMIT))
        self.assertEqual(len(wire.receive_inflated()[1]), LIMIT)
        self.assert_refused(TOO_BIG, frame(BINARY, deflated(bytes(LIMIT + 1)), reserved=COMPRESSED))
        self.assert_refused(TOO_BIG, frame(BINARY, deflated(bytes(200 << 20)), reserved=COMPRESSED))


if __name__ == "__main__":
    unittest.main()
