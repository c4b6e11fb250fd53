"""Clients that are 100 to 300 ms away: a small TCP of our own behind a TUN device. Needs root.

    python3 -m tests.support.late_clients --port 8080 [--rate 300]

Each of them sends a SYN, answers the SYN-ACK only after that time, with the request right behind, and
acknowledges everything else at once. So there are always connections whose handshake is half done,
as there are none on loopback: the kernel has chosen their listening socket, nobody can accept them yet,
and closing it loses them. (netem would do the same, but not every kernel has it.)

Speaks the protocol of sockherd-hammer: SIGUSR1 for the counts so far, SIGTERM to end, JSON on stdout.
"""
import argparse
import fcntl
import heapq
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time

from tests.support.hammer import FAILURES, Hammer

DEVICE, SERVER, NETWORK = "late0", "10.99.0.1", "10.99.0.1/16"
LEAST, MOST = 0.1, 0.3
TIMEOUT, RETRY, SLOW = 5.0, 1.0, 3.0
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
WINDOW, MSS = 65535, bytes((2, 4, 5, 0xB4))
REQUEST = b"GET /plaintext HTTP/1.1\r\nHost: late\r\nConnection: close\r\n\r\n"
SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


def open_device():
    """The device, up, with the server's address on our side of it."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    for words in (f"addr add {NETWORK} dev {DEVICE}", f"link set {DEVICE} txqueuelen 10000 up"):
        subprocess.run(["ip", *words.split()], check=True)
    return tun


def checksum(data):
    """Of IP and TCP."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class Client:
    """One connection."""

    def __init__(self, number, now):
        self.key = (socket.inet_aton(f"10.99.{1 + number // 40000 % 250}.1"), 20000 + number % 40000)
        self.begun = now
        self.wait = random.uniform(LEAST, MOST)
        self.sent = random.getrandbits(32)  # our next sequence number
        self.expected = None                # theirs
        self.asked = False
        self.answer = b""


class LateClients:
    """All of them."""

    def __init__(self, port, rate):
        self.tun, self.port, self.rate = open_device(), port, rate
        self.server = socket.inet_aton(SERVER)
        self.clients, self.timers, self.number, self.tick = {}, [], 0, 0
        self.start = time.monotonic()
        self.counts = dict.fromkeys(("ok", "slow", *FAILURES), 0)
        self.failures, self.latencies = [], []
        self.stopping = False

    def send(self, client, flags, payload=b""):
        """One segment. What follows it is counted on by the caller."""
        address, port = client.key
        options = MSS if flags & SYN else b""
        head = struct.pack("!HHIIBBHHH", port, self.port, client.sent, client.expected or 0,
                           (20 + len(options)) << 2, flags, WINDOW, 0, 0) + options
        size = len(head) + len(payload)
        pseudo = address + self.server + struct.pack("!BBH", 0, 6, size)
        head = head[:16] + struct.pack("!H", checksum(pseudo + head + payload)) + head[18:]
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + size, 0, 0, 64, 6, 0, address, self.server)
        os.write(self.tun, ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + head + payload)

    def later(self, at, client, act):
        """Calls act(client) then, if it is still there."""
        self.tick += 1
        heapq.heappush(self.timers, (at, self.tick, client, act))

    # ---- the life of a client

    def begin(self, now):
        """SYN."""
        client = Client(self.number, now)
        self.number += 1
        self.clients[client.key] = client
        self.send(client, SYN)
        self.later(now + TIMEOUT, client, lambda one: self.end(one, "timeout"))
        self.later(now + RETRY, client, self.again)

    def again(self, client):
        """What was lost on the way, or dropped by a full queue."""
        if client.expected is None:
            self.send(client, SYN)
        elif client.asked and not client.answer:
            client.sent -= len(REQUEST)
            self.ask(client)
        self.later(time.monotonic() + RETRY, client, self.again)

    def ask(self, client):
        """The ACK of the handshake, and the request right behind."""
        self.send(client, ACK)
        self.send(client, ACK | PSH, REQUEST)
        client.sent += len(REQUEST)
        client.asked = True

    def end(self, client, outcome):
        """Counts it and forgets it."""
        if self.clients.pop(client.key, None) is None:
            return
        now = time.monotonic()
        self.counts[outcome] += 1
        if outcome == "ok":
            self.latencies.append(now - client.begun)
            self.counts["slow"] += now - client.begun > SLOW
        elif len(self.failures) < 20:
            self.failures.append({"at": round(now - self.start, 3), "mode": "late",
                                  "outcome": outcome, "where": f"asked: {client.asked}, "
                                  f"{len(client.answer)} bytes received"})

    def receive(self, packet):
        """One segment from the server."""
        if packet[0] >> 4 != 4 or packet[9] != 6:
            return
        at = (packet[0] & 15) * 4
        _, port, sequence, _, offset, flags = struct.unpack_from("!HHIIBB", packet, at)
        client = self.clients.get((packet[16:20], port))
        if client is None:
            return
        if flags & RST:
            self.end(client, "refused" if client.expected is None else "reset")
        elif flags & SYN:
            self.on_syn_ack(client, sequence)
        elif client.asked:
            self.on_data(client, sequence, packet[at + (offset >> 4) * 4:], flags & FIN)

    def on_syn_ack(self, client, sequence):
        """Ours is on its way for some time."""
        if client.expected is None:
            client.sent = (client.sent + 1) & 0xFFFFFFFF
            client.expected = (sequence + 1) & 0xFFFFFFFF
            self.later(time.monotonic() + client.wait, client, self.ask)

    def on_data(self, client, sequence, payload, is_last):
        """In order or not at all."""
        if sequence != client.expected or not (payload or is_last):
            return
        client.answer += payload
        client.expected = (client.expected + len(payload) + (1 if is_last else 0)) & 0xFFFFFFFF
        self.send(client, ACK | (FIN if is_last else 0))
        if is_last:
            right = b" 200 " in client.answer[:16] and client.answer.endswith(b"Hello, World!")
            self.end(client, "ok" if right else "wrong_answer" if client.answer else "eof")

    # ---- the loop

    def run(self):
        """Until SIGTERM, and until those under way are through."""
        signals, wake = os.pipe2(os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        while not self.stopping or self.clients:
            now = time.monotonic()
            while not self.stopping and self.number < self.rate * (now - self.start):
                self.begin(now)
            while self.timers and self.timers[0][0] <= now:
                _, _, client, act = heapq.heappop(self.timers)
                if self.clients.get(client.key) is client:
                    act(client)
            ready, _, _ = select.select([self.tun, signals], [], [], 0.002)
            if signals in ready:
                self.on_signals(os.read(signals, 100))
            self.drain()
        self.report()

    def drain(self):
        """All segments that are there."""
        try:
            while True:
                self.receive(os.read(self.tun, 2048))
        except BlockingIOError:
            pass

    def on_signals(self, numbers):
        """SIGTERM, SIGUSR1."""
        for number in numbers:
            if number == signal.SIGUSR1:
                self.report()
            else:
                self.stopping = True

    def report(self):
        """One line."""
        failed = sum(self.counts[key] for key in FAILURES)
        ordered = sorted(self.latencies) or [0]
        latency = {name: round(ordered[int(part * (len(ordered) - 1))] * 1000, 3)
                   for name, part in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1))}
        print(json.dumps({**self.counts, "requests": self.counts["ok"] + failed, "failed": failed,
                          "connections": self.number, "idle_closed": 0, "latency_ms": latency,
                          "failed_by_kind": {"late": failed}, "first_failures": self.failures}),
              flush=True)


class LateLoad(Hammer):
    """A process of them, used like a hammer."""

    def __init__(self, port, rate=300):  # pylint: disable=super-init-not-called
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, "--port", str(port), "--rate", str(rate)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS))
        self.report = None
        self.is_patient = True  # SLOW is late; its SYNs are its own, and nobody counts them


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=300)
    options = parser.parse_args()
    LateClients(options.port, options.rate).run()


if __name__ == "__main__":
    main()
