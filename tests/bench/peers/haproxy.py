"""HAProxy: threads, answers by "http-request return". It serves no files from a disk."""
from tests.bench.peers.peer import FROM_MEMORY, PLAINTEXT, TEN_KIB, Foreground, first_line


class Haproxy(Foreground):
    """One process."""

    name = program = "haproxy"
    paths = FROM_MEMORY

    def command(self, port):
        ten = self.written("10k", "x" * TEN_KIB)
        return ["haproxy", "-db", "-f", self.written("server.conf", f"""
global
  nbthread {self.workers}
  maxconn {min(self.connections + 64, 9800)}
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  timeout http-keep-alive 75s
frontend web
  bind 127.0.0.1:{port} backlog 4096
  http-request return status 200 content-type text/plain string "{PLAINTEXT}" if {{ path /plaintext }}
  http-request return status 200 content-type text/plain file {ten} if {{ path /10k }}
""")]

    def version(self):
        return "haproxy/" + first_line("haproxy", "-v").split()[2].split("-")[0]
