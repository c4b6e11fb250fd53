"""lighttpd: worker processes on one socket. All its answers are files."""
from tests.bench.peers.peer import PLAINTEXT, TEN_KIB, Foreground, first_line


class Lighttpd(Foreground):
    """A watcher and its workers."""

    name = program = "lighttpd"

    def command(self, port):
        (self.www / "plaintext").write_text(PLAINTEXT)
        (self.www / "10k").write_bytes(b"x" * TEN_KIB)
        return ["lighttpd", "-D", "-f", self.written("server.conf", f"""
server.document-root = "{self.www}"
server.bind = "127.0.0.1"
server.port = {port}
server.listen-backlog = 4096
server.max-worker = {self.workers}
server.max-fds = {min(2 * self.connections + 1024, 20000)}
server.max-connections = {self.connections + 64}
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = 75
server.errorlog = "{self.directory}/error.log"
mimetype.assign = ( "" => "text/plain" )
""")]

    def version(self):
        return first_line("lighttpd", "-v").split()[0]
