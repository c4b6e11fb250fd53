"""Clients that come whether they are answered or not: more than a server can take, if need be."""
import socket
import threading
import time

MOST = 10_000  # connections: descriptors are not without end


class Crowd:
    """Comes at that rate (connections a second) until it is closed; asks once each, and reads nothing."""

    def __init__(self, address, target, rate):
        host, port = address.rsplit(":", 1)
        self.address = (host.strip("[]"), int(port))
        self.request = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
        self.rate = rate
        self.clients = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.come, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        for client in self.clients:
            client.close()

    def come(self):
        """Catches up where the machine was busy."""
        began = time.monotonic()
        while not self.ended.wait(0.01) and len(self.clients) < MOST:
            while len(self.clients) < min((time.monotonic() - began) * self.rate, MOST):
                try:
                    client = socket.create_connection(self.address, timeout=5)
                    client.sendall(self.request)
                except OSError:  # a queue that is full
                    break
                self.clients.append(client)
