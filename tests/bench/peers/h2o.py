"""h2o: threads. It has no answers from memory (but for mruby), so all its answers are files."""
from tests.bench.peers.peer import PLAINTEXT, TEN_KIB, Foreground


class H2o(Foreground):
    """One process."""

    name = program = "h2o"

    def command(self, port):
        (self.www / "plaintext").write_text(PLAINTEXT)
        (self.www / "10k").write_bytes(b"x" * TEN_KIB)
        return ["h2o", "-m", "worker", "-c", self.written("server.conf", f"""
listen: {{ host: 127.0.0.1, port: {port} }}
num-threads: {self.workers}
max-connections: {self.connections + 64}
http1-request-timeout: 75
user: root
pid-file: {self.directory}/pid
error-log: {self.directory}/error.log
hosts:
  default:
    paths:
      "/":
        file.dir: {self.www}
        file.send-gzip: OFF
""")]

    def version(self):
        return super().version().replace(" version ", "/")
