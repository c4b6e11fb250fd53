"""A worker that drains under WebSockets in full swing: each is closed with 1001 in its turn, what it has said
before is answered, no connection is reset, and HTTP loses nothing beside them."""
import selectors
import signal
import time
import unittest

from tests.integration.test_reload import pids
from tests.support import processes
from tests.support.case import DaemonCase
from tests.support.daemon import basic_config
from tests.support.http import connect
from tests.support.metrics import scrape
from tests.support.wait import until
from tests.support.websocket import CLOSE, TEXT, WebSocketWire, frame, handshake

ROUTES = ('{ path = "/ws", websocket = "echo" }, { path = "/room", websocket = "room:r" }, '
          '{ path = "/", module = "demo" }')
CLIENTS = 1000
TALKING = 100  # of them always have a message on the way; the others have said theirs


def config(**options):
    """With a window of four seconds."""
    pool = "".join(f'{name} = "{value}"\n' for name, value in {"websocket_drain": "4s",
                                                                 **options}.items())
    return basic_config(pool=pool).replace('{ path = "/", module = "demo" }', ROUTES)


class Talker:
    """A client that says its next number when it has heard the last one, if it goes on."""

    def __init__(self, address, goes_on):
        self.socket = connect(address)
        self.goes_on = goes_on
        self.received = b""
        self.sent = 0
        self.heard = 0
        self.outcome = None
        self.closed_at = None

    def open(self, address):
        """Waits for 101, and says the first number."""
        self.socket.sendall(handshake(address, "/ws"))
        while b"\r\n\r\n" not in self.received:
            self.received += self.socket.recv(4096)
        if not self.received.startswith(b"HTTP/1.1 101 "):
            raise AssertionError(self.received)
        self.received = self.received.partition(b"\r\n\r\n")[2]
        self.say()
        self.socket.setblocking(False)

    def say(self):
        """The next number."""
        self.sent += 1
        self.socket.sendall(frame(TEXT, str(self.sent).encode()))

    def on_readable(self):
        """Whether it goes on."""
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            self.outcome = "reset"
            return False
        if not piece:
            self.outcome = self.outcome or "ended without a Close"
            return False
        self.received += piece
        while self.outcome is None and len(self.received) >= 2:
            size = 2 + self.received[1]
            if len(self.received) < size:
                break
            self.on_frame(self.received[0] & 0x0F, self.received[2:size])
            self.received = self.received[size:]
        return True

    def on_frame(self, opcode, payload):
        """A number comes back, or it is over; frames from here are short."""
        if opcode == TEXT:
            self.heard += 1
            if payload != str(self.heard).encode():
                self.outcome = f"{payload} instead of {self.heard}"
            elif self.goes_on:
                self.say()
        elif opcode == CLOSE:
            self.closed_at = time.monotonic()
            self.outcome = f"close {int.from_bytes(payload[:2], 'big')}"
            self.socket.sendall(frame(CLOSE, payload[:2]))


class Drain(DaemonCase):
    """Reload and stop."""

    def talk(self, daemon, begin):
        """CLIENTS talkers, and begin() when all have heard something; until all connections have ended.
        begin() must not wait for anything: meanwhile nobody would read, nor note when it was closed."""
        address = daemon.address("web")
        talkers = [Talker(address, number < TALKING) for number in range(CLIENTS)]
        with selectors.DefaultSelector() as selector:
            for talker in talkers:
                self.addCleanup(talker.socket.close)
                talker.open(address)
                selector.register(talker.socket, selectors.EVENT_READ, talker)
            has_begun = False
            while selector.get_map():
                ready = selector.select(timeout=30)
                self.assertTrue(ready, f"{len(selector.get_map())} have not ended\n{daemon.log()}")
                for key, _ in ready:
                    if not key.data.on_readable():
                        selector.unregister(key.fileobj)
                if not has_begun and all(talker.heard for talker in talkers):
                    has_begun = True
                    begin()
        return talkers

    def assert_all_were_told(self, talkers):
        """With 1001, over the window; what was not answered crossed with the Close."""
        outcomes = {outcome: sum(talker.outcome == outcome for talker in talkers)
                    for outcome in {talker.outcome for talker in talkers}}
        self.assertEqual(outcomes, {"close 1001": CLIENTS})
        for talker in talkers:
            self.assertLessEqual(talker.sent - talker.heard, 1 if talker.goes_on else 0)
        times = [talker.closed_at for talker in talkers]
        self.assertGreater(max(times) - min(times), 1, "a quarter of the window")

    def test_a_reload(self):
        """The new workers serve meanwhile, and HTTP notices nothing."""
        daemon = self.ready(config())
        load = self.load(daemon, short=4, keepalive=8, think_ms=50)
        load.after(100)
        talkers = self.talk(daemon, lambda: daemon.signal(signal.SIGHUP))
        daemon.wait_log("reloaded generation=2")
        self.assert_all_were_told(talkers)
        load.after(100)
        self.assert_nothing_lost(load.stop(), daemon)
        with WebSocketWire(daemon.address("web"), "/ws") as wire:
            wire.send_text("again")
            self.assertEqual(wire.receive_message(), (TEXT, b"again"))
            metrics = scrape(daemon)
            self.assertEqual(metrics.total("sockherd_websocket_connections"), 1)
        self.assertEqual(metrics.total("sockherd_websocket_closes_total", 'code="1001"'), CLIENTS)
        self.assertEqual(metrics.total("sockherd_websocket_opened_total"), CLIENTS + 1)

    def test_a_stop(self):
        """The daemon waits for them."""
        daemon = self.ready(config())
        talkers = self.talk(daemon, lambda: daemon.signal(signal.SIGTERM))
        self.assert_all_were_told(talkers)
        self.assertEqual(daemon.exit_status(), 0)

    def test_a_client_that_does_not_answer(self):
        """It has websocket_close_timeout, and holds nobody up longer."""
        daemon = self.ready(config(websocket_drain="0s", websocket_close_timeout="500ms"))
        with WebSocketWire(daemon.address("web"), "/ws") as wire:
            wire.send_text("here")
            wire.receive_message()
            before = pids(daemon).values()
            daemon.reload()
            self.assertEqual(wire.receive_close()[0], 1001)
            until(lambda: not any(map(processes.is_alive, before)), "the end of the old workers",
                  explain=daemon.log)
        timeouts = scrape(daemon).total("sockherd_websocket_timeouts_total", 'phase="close"')
        self.assertEqual(timeouts, 1)

    def test_a_drain_that_has_no_room(self):
        """The configuration is refused, with what to do."""
        daemon = self.launch(config(drain_timeout="5s", websocket_drain="10s"))
        self.assertNotEqual(daemon.exit_status(), 0)
        self.assert_in(["websocket_drain", "raise drain_timeout"], daemon.log())


if __name__ == "__main__":
    unittest.main()
