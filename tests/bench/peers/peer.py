"""What all peers are: a server with two processes (or threads) that take connections, or as many as
one says.

They answer the same paths with bodies of the same size, from memory or, under /file/, from a disk:
PATHS. What a peer cannot do is not in its `paths`, and it is left out there.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from tests.support import processes
from tests.support.http import request
from tests.support.tcp import free_port
from tests.support.wait import until

PROCESSES = 2
PROGRAMS = pathlib.Path(__file__).with_name("programs")
PLAINTEXT = "Hello, World!"
TEN_KIB = 10 * 1024
ONE_MIB = 1024 * 1024
FROM_MEMORY = {"/plaintext": len(PLAINTEXT), "/10k": TEN_KIB}
FILES = {"/file/10k.bin": TEN_KIB, "/file/1m.bin": ONE_MIB}
PATHS = {**FROM_MEMORY, **FILES}


class WrongAnswer(Exception):
    """A peer does not serve what is compared."""


class NotHere(Exception):
    """A peer that cannot be run on this machine, and why."""


class Peer:
    """A server in a directory of its own. Subclasses start it and say which processes it is.

    connections: how many it must be able to hold at once, all workers together.
    """

    name = ""
    paths = PATHS
    threads = 1  # more: they stand for processes
    idle = True  # takes part in the measurement of idle connections

    def __init__(self, workers=PROCESSES, connections=1024):
        self.workers, self.connections = workers, connections
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sh-bench-", dir="/tmp"))
        self.directory.chmod(0o755)
        self.www = self.directory / "www"
        self.files = self.www / "file"
        self.address = ""

    def __enter__(self):
        self.files.mkdir(parents=True)
        for path, size in FILES.items():
            (self.files / pathlib.Path(path).name).write_bytes(os.urandom(size))
        try:
            self.start()
            until(self.is_up, f"{self.name} answers")
            self.check()
        except BaseException:
            self.__exit__()
            raise
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

    def check(self):
        """That it serves what is compared."""
        for path, size in self.paths.items():
            answer = request(self.address, "GET", path)
            if answer.status != 200 or len(answer.body) != size:
                raise WrongAnswer(f"{self.name} {path}: {answer}")

    def instance(self, case):
        """Who serves that case: only the ceiling is another one for each."""
        del case
        return self

    def start(self):
        """Starts the server; `address` is known afterwards."""
        raise NotImplementedError

    def stop(self):
        """Ends all that start() started; also where that failed."""
        raise NotImplementedError

    def pids(self):
        """All its processes, those included that do not serve."""
        raise NotImplementedError

    def version(self):
        """As it calls itself."""
        raise NotImplementedError


class Foreground(Peer):
    """A program that stays in the foreground, and is told its port."""

    program = ""  # that must be installed; Debian's package is called the same
    environment = {}
    process = None

    def __init__(self, *arguments, **options):
        if not shutil.which(self.program):
            raise NotHere(f"{self.program} is not installed (apt install {self.program})")
        super().__init__(*arguments, **options)

    def command(self, port):
        """What to run."""
        raise NotImplementedError

    def start(self):
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        with (self.directory / "output").open("wb") as output:
            self.process = subprocess.Popen(
                self.command(port), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **self.environment}, start_new_session=True)

    def stop(self):
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def pids(self):
        return processes.session_of(self.process.pid)

    def written(self, name, text):
        """Puts a file into its directory; the path."""
        path = self.directory / name
        path.write_text(text)
        return str(path)

    def version(self):
        return first_line(self.program, "--version")


def first_line(*command):
    """Of what a program prints, on either stream."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return done.stdout.splitlines()[0].strip()
