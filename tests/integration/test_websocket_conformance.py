"""RFC 6455 from the client's side, frame by frame: what must come back, and what must end the connection how.

In the order of the chapters of the known conformance suites: lengths, pings, reserved bits and opcodes,
fragments, UTF-8, closing, limits.
"""
import unittest

from tests.support.case import SharedDaemonCase
from tests.support.websocket import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, WebSocketWire,
                                     frame)

PROTOCOL_ERROR, BAD_DATA, TOO_BIG = 1002, 1007, 1009
LENGTHS = (0, 1, 125, 126, 127, 128, 65535, 65536, 1 << 20)
GOOD_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
BAD_CODES = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
# RFC 3629: what is none. Overlong, surrogates, beyond U+10FFFF, alone, cut.
NOT_UTF8 = (b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xf0\x80\x80\xaf",
            b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
            b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"\xc3(", b"\xe2\x82(", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce",
            b"\xf0\x9f\x98", b"ok\xff", b"\xed\xa0\x80\xed\xb0\x80")
UTF8 = ("\u03ba\u1f79\u03c3\u03bc\u03b5", "\U00010000", "\U0010ffff", "\ud7ff", "\ue000", "\ufffd", "\ufffe",
        "\x00", "\x7f", "\x80", "\u07ff", "\u0800", "\uffff", "x" * 300 + "\u20ac" * 300)
LIMIT = 2 << 20


class Conformance(SharedDaemonCase):
    """One connection a question."""

    config = f"""
[listener.web]
[pool.web]
listeners = ["web"]
workers = 1
max_message_size = {LIMIT}
routes = [{{ path = "/", websocket = "echo" }}]
"""

    def open(self):
        """A connection that is closed after the test, and not before."""
        wire = WebSocketWire(self.daemon.address("web"))
        self.addCleanup(wire.close)
        return wire

    def assert_alive(self, wire):
        """It still answers, and has nothing else to say."""
        wire.send_frame(PING, b"still")
        self.assertEqual(wire.receive_frame(), Frame(PONG, b"still"))

    def assert_failed(self, wire, code):
        """A close with that code, and the end."""
        self.assertEqual(wire.receive_close()[0], code)
        self.assertTrue(wire.at_end())

    def assert_refused(self, code, *frames):
        """These frames end the connection with that code."""
        with self.subTest(frames=[one[:40] for one in frames]):
            with WebSocketWire(self.daemon.address("web")) as wire:
                for one in frames:
                    wire.send(one)
                self.assert_failed(wire, code)

    # ---- lengths

    def test_messages_of_every_length_field_come_back(self):
        wire = self.open()
        for kind in (TEXT, BINARY):
            for length in LENGTHS:
                with self.subTest(kind=kind, length=length):
                    wire.send_frame(kind, b"*" * length)
                    self.assertEqual(wire.receive_message(), (kind, b"*" * length))

    def test_a_frame_that_comes_byte_by_byte(self):
        wire = self.open()
        for byte in frame(TEXT, b"slowly") + frame(BINARY, b"\xfe" * 200):
            wire.send(bytes([byte]))
        self.assertEqual(wire.receive_message(), (TEXT, b"slowly"))
        self.assertEqual(wire.receive_message(), (BINARY, b"\xfe" * 200))

    def test_a_length_that_is_not_the_shortest_is_refused(self):
        for head in (b"\x82\xfe\x00\x7d", b"\x82\xff" + bytes(6) + b"\xff\xff"):
            self.assert_refused(PROTOCOL_ERROR, head + b"abcd" + b"x" * 16)

    def test_a_length_with_its_highest_bit_set_is_refused(self):
        self.assert_refused(PROTOCOL_ERROR, b"\x82\xff\x80" + bytes(7) + b"abcd")

    def test_a_frame_that_is_not_masked_is_refused(self):
        for kind in (TEXT, BINARY, PING, CLOSE):
            self.assert_refused(PROTOCOL_ERROR, frame(kind, b"", masked=False))

    # ---- pings

    def test_a_ping_is_answered_with_what_it_carries(self):
        wire = self.open()
        for payload in (b"", b"hello", b"\x00\xff\xfe\xfd", b"\xfe" * 125):
            wire.send_frame(PING, payload)
            self.assertEqual(wire.receive_frame(), Frame(PONG, payload))

    def test_a_pong_that_nobody_asked_for_is_passed_over(self):
        wire = self.open()
        wire.send_frame(PONG, b"unsolicited")
        self.assert_alive(wire)

    def test_pings_in_one_packet_are_answered_in_order(self):
        wire = self.open()
        wire.send(b"".join(frame(PING, f"{i}".encode()) for i in range(100)))
        self.assertEqual([wire.receive_frame().payload for _ in range(100)], [f"{i}".encode() for i in range(100)])

    def test_a_control_frame_is_short_and_whole(self):
        for kind in (PING, PONG, CLOSE):
            self.assert_refused(PROTOCOL_ERROR, frame(kind, b"x" * 126))
            self.assert_refused(PROTOCOL_ERROR, frame(kind, b"", final=False))

    # ---- reserved bits and opcodes

    def test_reserved_bits_are_refused_where_nothing_was_negotiated(self):
        for reserved in range(1, 8):
            for kind in (TEXT, BINARY, PING, CLOSE):
                self.assert_refused(PROTOCOL_ERROR, frame(kind, b"x", reserved=reserved))

    def test_reserved_opcodes_are_refused(self):
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
            self.assert_refused(PROTOCOL_ERROR, frame(opcode, b"x"))

    def test_what_came_before_a_mistake_is_answered(self):
        wire = self.open()
        wire.send(frame(TEXT, b"first") + frame(TEXT, b"second", reserved=4))
        self.assertEqual(wire.receive_message(), (TEXT, b"first"))
        self.assert_failed(wire, PROTOCOL_ERROR)

    # ---- fragments

    def test_fragments_are_one_message(self):
        wire = self.open()
        for kind in (TEXT, BINARY):
            for parts in ((b"a", b"b"), (b"", b"", b""), (b"ab" * 40000, b"c" * 10, b"")):
                for i, part in enumerate(parts):
                    wire.send_frame(CONTINUATION if i else kind, part, final=i == len(parts) - 1)
                self.assertEqual(wire.receive_message(), (kind, b"".join(parts)))

    def test_a_ping_between_fragments_is_answered_at_once(self):
        wire = self.open()
        wire.send_frame(TEXT, b"one ", final=False)
        wire.send_frame(PING, b"between")
        self.assertEqual(wire.receive_frame(), Frame(PONG, b"between"))
        wire.send_frame(CONTINUATION, b"two")
        self.assertEqual(wire.receive_message(), (TEXT, b"one two"))

    def test_a_continuation_of_nothing_is_refused(self):
        for final in (True, False):
            self.assert_refused(PROTOCOL_ERROR, frame(CONTINUATION, b"x", final=final))
            self.assert_refused(PROTOCOL_ERROR, frame(TEXT, b"x"), frame(CONTINUATION, b"x", final=final))

    def test_a_message_within_a_message_is_refused(self):
        for kind in (TEXT, BINARY):
            self.assert_refused(PROTOCOL_ERROR, frame(TEXT, b"x", final=False), frame(kind, b"y"))

    # ---- UTF-8

    def test_texts_of_all_lengths_of_characters_come_back(self):
        wire = self.open()
        for text in UTF8:
            wire.send_text(text)
            self.assertEqual(wire.receive_message(), (TEXT, text.encode()))

    def test_characters_may_be_cut_by_fragments(self):
        wire = self.open()
        whole = "\u03ba\u1f79\u03c3\U0001f600".encode()
        for i in range(len(whole)):
            wire.send_frame(CONTINUATION if i else TEXT, whole[i:i + 1], final=i == len(whole) - 1)
        self.assertEqual(wire.receive_message(), (TEXT, whole))

    def test_what_is_not_utf8_is_refused_in_a_text_and_not_in_a_binary(self):
        wire = self.open()
        for data in NOT_UTF8:
            wire.send_binary(data)
            self.assertEqual(wire.receive_message(), (BINARY, data))
            self.assert_refused(BAD_DATA, frame(TEXT, data))
            self.assert_refused(BAD_DATA, frame(TEXT, data, final=False), frame(CONTINUATION, b""))

    def test_bad_bytes_end_it_before_the_message_is_whole(self):
        self.assert_refused(BAD_DATA, frame(TEXT, b"ok \xf4\x90", final=False))
        self.assert_refused(BAD_DATA, frame(TEXT, b"", final=False), frame(CONTINUATION, b"\xed\xa0", final=False))

    def test_bad_bytes_end_it_before_the_frame_is_whole(self):
        self.assert_refused(BAD_DATA, frame(TEXT, b"ok \xff" + b"x" * 100_000)[:60_000])

    # ---- closing

    def test_a_close_is_answered_with_its_code(self):
        for code in GOOD_CODES:
            with self.subTest(code=code), WebSocketWire(self.daemon.address("web")) as wire:
                wire.send_close(code, b"reason")
                self.assert_failed(wire, code)

    def test_a_close_without_a_code_is_answered(self):
        wire = self.open()
        wire.send_close()
        code, reason = wire.receive_close()
        self.assertIn(code, (None, 1000))
        self.assertEqual(reason, b"")
        self.assertTrue(wire.at_end())

    def test_a_close_with_a_code_that_may_not_be_sent_is_refused(self):
        for code in BAD_CODES:
            self.assert_refused(PROTOCOL_ERROR, frame(CLOSE, code.to_bytes(2, "big")))

    def test_a_close_of_one_byte_is_refused(self):
        self.assert_refused(PROTOCOL_ERROR, frame(CLOSE, b"\x03"))

    def test_a_close_whose_reason_is_not_utf8_is_refused(self):
        with WebSocketWire(self.daemon.address("web")) as wire:
            wire.send_close(1000, b"\xce\xba\xed\xa0")
            self.assertIn(wire.receive_close()[0], (PROTOCOL_ERROR, BAD_DATA))

    def test_nothing_is_answered_after_a_close(self):
        for more in (frame(TEXT, b"late"), frame(PING, b"late"), frame(CLOSE, b"\x03\xe8"), frame(3, b"x")):
            with self.subTest(more=more), WebSocketWire(self.daemon.address("web")) as wire:
                wire.send(frame(CLOSE, b"\x03\xe8") + more)
                self.assertEqual(wire.receive_frame(), Frame(CLOSE, b"\x03\xe8"))
                self.assertTrue(wire.at_end())

    def test_a_close_between_fragments_is_answered(self):
        wire = self.open()
        wire.send_frame(TEXT, b"never finished", final=False)
        wire.send_close(1000)
        self.assert_failed(wire, 1000)

    # ---- limits

    def test_a_message_of_the_limit_comes_back_and_one_beyond_is_refused(self):
        wire = self.open()
        wire.send_binary(b"x" * LIMIT)
        self.assertEqual(wire.receive_message(), (BINARY, b"x" * LIMIT))
        self.assert_refused(TOO_BIG, frame(BINARY, b"x" * (LIMIT + 1))[:1000])

    def test_the_limit_is_of_the_message_and_not_of_the_frame(self):
        part = b"x" * (LIMIT // 2)
        self.assert_refused(TOO_BIG, frame(BINARY, part, final=False), frame(CONTINUATION, part, final=False),
                            frame(CONTINUATION, b"x")[:7])

    def test_many_messages_in_one_packet_come_back_in_order(self):
        wire = self.open()
        wire.send(b"".join(frame(TEXT, f"{i}".encode()) for i in range(1000)))
        self.assertEqual([wire.receive_message()[1] for _ in range(1000)], [f"{i}".encode() for i in range(1000)])


if __name__ == "__main__":
    unittest.main()
