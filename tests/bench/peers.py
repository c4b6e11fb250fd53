"""The servers that are compared, each started with two processes (threads) that take connections,
or as many as one says.

All answer the same three paths with bodies of the same size:
/plaintext (13 bytes), /10k (10 KiB from memory), /file/10k.bin (10 KiB from disk).
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

from tests.support import processes
from tests.support.daemon import Daemon
from tests.support.http import request
from tests.support.paths import program
from tests.support.wait import until

PROCESSES = 2
PLAINTEXT = "Hello, World!"
TEN_KIB = 10 * 1024
EXPECTED = {"/plaintext": len(PLAINTEXT), "/10k": TEN_KIB, "/file/10k.bin": TEN_KIB}


class WrongAnswer(Exception):
    """A peer does not serve what is compared."""


class Peer:
    """A server in a directory of its own. Subclasses start it and say which processes it is."""

    name = ""

    def __init__(self, workers=PROCESSES):
        self.workers = workers
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sh-bench-", dir="/tmp"))
        self.directory.chmod(0o755)
        self.files = self.directory / "www/file"
        self.files.mkdir(parents=True)
        (self.files / "10k.bin").write_bytes(os.urandom(TEN_KIB))
        self.address = ""

    def __enter__(self):
        self.start()
        until(self.is_up, f"{self.name} answers")
        for path, size in EXPECTED.items():
            answer = request(self.address, "GET", path)
            if answer.status != 200 or len(answer.body) != size:
                raise WrongAnswer(f"{self.name} {path}: {answer}")
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def is_up(self):
        """Whether it accepts connections."""
        try:
            return request(self.address, "GET", "/plaintext").status == 200
        except OSError:
            return False

    def cpu_seconds(self):
        """Of all its processes together, from the start."""
        return sum(processes.cpu_seconds(pid) for pid in self.pids())

    def start(self):
        """Starts the server; `address` is known afterwards."""
        raise NotImplementedError

    def stop(self):
        """Ends all that start() started."""
        raise NotImplementedError

    def pids(self):
        """The processes that serve."""
        raise NotImplementedError

    def version(self):
        """As it calls itself."""
        raise NotImplementedError


class Sockherd(Peer):
    """The build that SOCKHERD_BIN_DIR points to."""

    name = "sockherd"
    listener = ""  # options of its listener

    def start(self):
        config = f"""
[listener.web]
{self.listener}
[pool.web]
listeners = ["web"]
workers = {self.workers}
routes = [{{ path = "/", module = "demo" }}, {{ path = "/file/", files = "{self.files}" }}]
"""
        self.daemon = Daemon(config)
        self.daemon.start()
        self.daemon.ready()
        self.address = self.daemon.address("web")

    def stop(self):
        self.daemon.end()

    def pids(self):
        return processes.session_of(self.daemon.pid)

    def version(self):
        return subprocess.run([program("sockherd"), "--version"], capture_output=True, text=True,
                              check=True).stdout.split("\n")[0]


class Foreground(Peer):
    """A server that stays in the foreground and takes its configuration from a file."""

    def command(self, config):
        """What to run."""
        raise NotImplementedError

    def configuration(self, port):
        """The text of the configuration."""
        raise NotImplementedError

    def start(self):
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        config = self.directory / "server.conf"
        config.write_text(self.configuration(port))
        self.process = subprocess.Popen(self.command(config), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)

    def pids(self):
        return processes.session_of(self.process.pid)


def free_port():
    """A port that is free at this moment; these servers cannot be handed a socket."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return holder.getsockname()[1]


class Nginx(Foreground):
    """Workers with SO_REUSEPORT, no log, answers from memory where it can."""

    name = "nginx"

    def command(self, config):
        return ["nginx", "-e", str(self.directory / "error.log"), "-c", str(config)]

    def configuration(self, port):
        return f"""
daemon off;
user root;
worker_processes {self.workers};
pid {self.directory}/pid;
error_log {self.directory}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 1000000000; open_file_cache max=100; server_tokens off;
  client_body_temp_path {self.directory}/body; proxy_temp_path {self.directory}/proxy;
  fastcgi_temp_path {self.directory}/fcgi; uwsgi_temp_path {self.directory}/uwsgi;
  scgi_temp_path {self.directory}/scgi;
  server {{
    listen 127.0.0.1:{port} reuseport backlog=4096;
    default_type text/plain;
    root {self.directory}/www;
    set $kib "{'x' * 1024}";
    location = /plaintext {{ return 200 "{PLAINTEXT}"; }}
    location = /10k {{ return 200 "{'$kib' * 10}"; }}
    location /file/ {{ }}
  }}
}}
"""

    def version(self):
        return subprocess.run(["nginx", "-v"], capture_output=True, text=True,
                              check=True).stderr.strip().replace("nginx version: ", "")


class H2o(Foreground):
    """Threads. It has no answers from memory (but for mruby), so all three are files."""

    name = "h2o"

    def command(self, config):
        return ["h2o", "-m", "worker", "-c", str(config)]

    def configuration(self, port):
        www = self.directory / "www"
        (www / "plaintext").write_text(PLAINTEXT)
        (www / "10k").write_bytes(b"x" * TEN_KIB)
        return f"""
listen: {{ host: 127.0.0.1, port: {port} }}
num-threads: {self.workers}
user: root
pid-file: {self.directory}/pid
error-log: {self.directory}/error.log
hosts:
  default:
    paths:
      "/":
        file.dir: {www}
        file.send-gzip: OFF
"""

    def version(self):
        return subprocess.run(["h2o", "--version"], capture_output=True, text=True,
                              check=True).stdout.split("\n")[0].replace(" version ", "/")


PEERS = {peer.name: peer for peer in (Sockherd, Nginx, H2o)}
