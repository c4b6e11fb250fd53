"""nginx: workers with SO_REUSEPORT, no log, answers from memory where it can."""
from tests.bench.peers.peer import PLAINTEXT, Foreground, first_line


class Nginx(Foreground):
    """A master and its workers."""

    name = program = "nginx"

    def command(self, port):
        config = self.written("server.conf", self.configuration(port))
        return ["nginx", "-e", str(self.directory / "error.log"), "-c", config]

    def configuration(self, port):
        """Worker connections are memory that it takes at the start, hence no more than needed; but it
        closes idle ones when less than a sixteenth is left."""
        return f"""
daemon off;
user root;
worker_processes {self.workers};
pid {self.directory}/pid;
error_log {self.directory}/error.log;
events {{ worker_connections {self.connections * 9 // 8}; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; keepalive_timeout 75s;
  keepalive_requests 1000000000; open_file_cache max=100; server_tokens off;
  client_body_temp_path {self.directory}/body; proxy_temp_path {self.directory}/proxy;
  fastcgi_temp_path {self.directory}/fcgi; uwsgi_temp_path {self.directory}/uwsgi;
  scgi_temp_path {self.directory}/scgi;
  server {{
    listen 127.0.0.1:{port} reuseport backlog=4096;
    default_type text/plain;
    root {self.www};
    set $kib "{'x' * 1024}";
    location = /plaintext {{ return 200 "{PLAINTEXT}"; }}
    location = /10k {{ return 200 "{'$kib' * 10}"; }}
    location /file/ {{ }}
  }}
}}
"""

    def version(self):
        return first_line("nginx", "-v").replace("nginx version: ", "")
