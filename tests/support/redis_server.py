"""Debian's redis-server, beside a test: no file, no password but the one that is asked for, killed and started
again at the same address.

    with RedisServer() as redis:
        redis.url                    # redis://127.0.0.1:PORT
        redis.kill(); redis.start()
        redis.ask("PUBLISH", "room", "hello")   # 1
"""
import signal
import subprocess

from tests.support.daemon import reserved_port
from tests.support.orphans import die_with_parent
from tests.support.wait import until


class RedisServer:
    """One server. addresses: where it listens; the first is that of `url`."""

    def __init__(self, addresses=("127.0.0.1",), password=""):
        self.addresses, self.password = list(addresses), password
        self.holder, self.port = reserved_port(self.addresses[0])  # ours between kill() and start(), too
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        self.holder.close()

    def url_at(self, address):
        """As the option `bus` has it, with one of its addresses."""
        user = f":{self.password}@" if self.password else ""
        return f"redis://{user}{address}:{self.port}"

    @property
    def url(self):
        """At its first address."""
        return self.url_at(self.addresses[0])

    def start(self):
        """Returns when it answers."""
        command = ["redis-server", "--port", str(self.port), "--bind", *self.addresses, "--save", "", "--appendonly",
                   "no", "--dir", "/tmp", "--loglevel", "warning"]
        command += ["--requirepass", self.password] if self.password else ["--protected-mode", "no"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        preexec_fn=lambda: die_with_parent(signal.SIGKILL))
        until(lambda: self.ask("PING") == "PONG", "redis-server answers")
        return self

    def kill(self):
        """SIGKILL, as a crash."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, *words):
        """One command by redis-cli; its answer as text."""
        login = ["-a", self.password, "--no-auth-warning"] if self.password else []
        return subprocess.run(["redis-cli", "-h", self.addresses[0], "-p", str(self.port), *login, *words],
                              capture_output=True, text=True, check=False).stdout.strip()
