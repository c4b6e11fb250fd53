"""Starts the real sockherd the way systemd does, and asks it questions.

    with Daemon(config, sockets={"web": [tcp_listener()]}) as daemon:
        daemon.ready()
        daemon.address("web")

Each daemon has a directory of its own under /tmp with a short name (a socket path holds 107 bytes),
so suites may run at the same time. Leaving the context ends everything that was started.
"""
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

from tests.support import processes
from tests.support.http import Wire, request
from tests.support.notify import NotifySocket
from tests.support.paths import program
from tests.support.wait import until

ACTIVATE = str(pathlib.Path(__file__).with_name("activate.py"))
STUB_WORKER = str(pathlib.Path(__file__).with_name("stub_worker.py"))
MUTE_WORKER = str(pathlib.Path(__file__).with_name("mute_worker.py"))

# Set for a whole suite that is to run on another engine than most (tests/integration/CMakeLists.txt).
ENGINE = "SOCKHERD_POOL__WEB__ENGINE"

# One pool of the built-in engine on a listener "web".
BASIC = """\
[listener.web]
address = ""
[pool.web]
listeners = ["web"]
workers = {workers}
routes = [{{ path = "/", module = "demo" }}]
{pool}
{more}
"""


SANITIZER_REPORT = "Sanitizer: "  # "WARNING: ThreadSanitizer: data race", ...

# Of each worker of basic_config(). The suites hold for any number: some run with 2 as well (see
# integration/CMakeLists.txt).
THREADS = int(os.environ.get("SOCKHERD_TEST_THREADS", "1"))


def basic_config(workers=2, pool="", more="", threads=THREADS):
    """The configuration most tests start from; the admin server comes by activation."""
    if threads != 1:
        pool = f"threads = {threads}\n{pool}"
    return BASIC.format(workers=workers, pool=pool, more=more)


STUB = """\
[listener.web]
[pool.web]
listeners = ["web"]
workers = {workers}
command = [{command}]
environment = [{environment}]
start_timeout = "{start_timeout}"
ready = {{ notify = true }}
{pool}
"""


def stub_config(*arguments, workers=2, marker="one", start_timeout="10s", pool="", environment=()):
    """A pool of tests/support/stub_worker.py: a program that knows nothing of us but systemd."""
    command = [sys.executable, "-I", "-S", STUB_WORKER, *arguments]
    return STUB.format(workers=workers, start_timeout=start_timeout, pool=pool,
                       command=", ".join(f'"{word}"' for word in command),
                       environment=", ".join(f'"{one}"' for one in (f"MARKER={marker}", *environment)))


def script_config(path, workers=1, pool=""):
    """A pool of a Python program in a file."""
    return (f"[listener.web]\n[pool.web]\nlisteners = [\"web\"]\nworkers = {workers}\n"
            f"command = [\"/usr/bin/python3\", \"-I\", \"-S\", \"{path}\"]\n{pool}\n")


MUTE = """\
[listener.web]
[pool.web]
listeners = ["web"]
workers = {workers}
command = [{command}]
environment = ["MARKER={marker}"]
start_timeout = "{start_timeout}"
{pool}
"""


def mute_config(*arguments, workers=2, marker="one", start_timeout="10s", pool=""):
    """A pool of tests/support/mute_worker.py: a program that knows nothing of us, nor of systemd."""
    command = [sys.executable, "-I", "-S", MUTE_WORKER, "3", *arguments]
    return MUTE.format(workers=workers, marker=marker, start_timeout=start_timeout, pool=pool,
                       command=", ".join(f'"{word}"' for word in command))


def tcp_listener(host="127.0.0.1", port=0, reuse_port=True, backlog=4096):
    """A listening socket as a socket unit makes it (ReusePort=yes)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.listen(backlog)
    return listener


def equal_listeners(count):
    """What equal ListenStream= lines make: sockets of one SO_REUSEPORT group."""
    first = tcp_listener()
    return [first] + [tcp_listener(port=first.getsockname()[1]) for _ in range(count - 1)]


def duplicate(listener):
    """Another descriptor of the same socket. Not socket.dup(): that makes the socket blocking again,
    under the feet of the worker that accepts on it, since the flag belongs to the open file."""
    return socket.socket(fileno=os.dup(listener.fileno()))


def unix_listener(path):
    """A listening AF_UNIX stream socket."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(128)
    return listener


def reserved_port(host="127.0.0.1"):
    """(holder, port): the kernel gives it to nobody else, but whoever names it can bind it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = socket.socket(family, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # never listens, so this suffices
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind((host, 0))
    return holder, holder.getsockname()[1]


def address_of(listener):
    """The address of a socket as the configuration writes it."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if listener.family == socket.AF_INET6 else name[0]
    return f"{host}:{name[1]}"


class Daemon:
    """One supervisor with all that belongs to it."""

    admin_timeout = 30.0  # of each request; its socket listens even while nobody is there

    def __init__(self, config, sockets=None, arguments=(), environment=None, admin=True,
                 watchdog_usec=None, prefix=(), working_directory=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sh-", dir="/tmp"))
        self.directory.chmod(0o755)  # as /run: the admin process has another user
        self.runtime = self.directory / "run"
        self.runtime.mkdir()
        self.config = self.directory / "sockherd.toml"
        self.config.write_text(config)
        self.log_file = self.directory / "log"
        self.notify = self.open_notify(str(self.directory / "notify"))
        self.began = 0  # the mark of the notify messages at the last start
        self.sockets = dict({"web": [tcp_listener()]} if sockets is None else sockets)
        if admin:  # the admin server listens on both kinds of socket
            self.sockets["admin"] = [unix_listener(self.directory / "admin"), tcp_listener()]
        self.arguments = list(arguments)
        self.prefix = list(prefix)  # a program that execs: prlimit, setpriv
        self.working_directory = working_directory
        self.program = program("sockherd")
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": self.notify.path,
            "RUNTIME_DIRECTORY": str(self.runtime)}
        self.environment.update(
            {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")})
        if watchdog_usec:
            self.environment["WATCHDOG_USEC"] = str(watchdog_usec)
        if ENGINE in os.environ and "[pool.web]" in config:
            self.environment[ENGINE] = os.environ[ENGINE]
        self.environment.update(environment or {})
        self.process = None

    # ---- life ----

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.end()

    def open_notify(self, path):
        """Who listens to what the daemon says to its manager."""
        return NotifySocket(path)

    def passed(self):
        """(name, descriptor) of all that the next start gets."""
        return [(name, one.fileno()) for name, many in self.sockets.items() for one in many]

    def start(self):
        """Forks and execs; does not wait for anything."""
        passed = self.passed()
        environment = dict(self.environment)
        if passed:
            environment["LISTEN_FDS"] = str(len(passed))
            environment["LISTEN_FDNAMES"] = ":".join(name for name, _ in passed)
        numbers = [fd for _, fd in passed]
        self.began = self.notify.mark()
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", ACTIVATE, ",".join(map(str, numbers)) or "-",
                 *self.prefix, self.program, "--config", str(self.config), *self.arguments],
                env=environment, pass_fds=numbers, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.working_directory, start_new_session=True)

    def end(self):
        """Ends the supervisor, kills what it left behind, closes and removes everything."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process:
            processes.kill_session(self.process.pid)
        for listener in (one for many in self.sockets.values() for one in many):
            listener.close()
        self.notify.close()
        log = self.log() if self.log_file.exists() else ""
        shutil.rmtree(self.directory, ignore_errors=True)
        if SANITIZER_REPORT in log:  # a build with one of them: its programs may go on after it
            raise AssertionError(log)

    def start_status(self):
        """Waits for the outcome of a start: None if it is ready, else the exit status."""
        def is_ready():
            return self.notify.find("READY", "1", since=self.began)
        until(lambda: is_ready() or self.process.poll() is not None, "READY=1 or the end",
              explain=self.log)
        self.notify.flush()  # the end may have been noticed first
        return None if is_ready() else self.process.wait()

    def ready(self):
        """Waits for READY=1; fails at once, with the log, when the daemon exits instead."""
        status = self.start_status()
        if status is not None:
            raise AssertionError(f"exited with {status}:\n{self.log()}")
        return self

    def exit_status(self, deadline=30.0):
        """Waits until the supervisor has ended."""
        until(lambda: self.process.poll() is not None, "the end of sockherd", deadline,
              explain=self.log)
        return self.process.returncode

    @property
    def pid(self):
        """Of the supervisor."""
        return self.process.pid

    def signal(self, number):
        """Sends a signal to the supervisor alone."""
        self.process.send_signal(number)

    def log(self):
        """All it has written to standard error."""
        return self.log_file.read_text(errors="replace")

    def wait_log(self, text, since=0):
        """Waits until `text` is in the log."""
        until(lambda: text in self.log()[since:], f"{text!r} in the log", explain=self.log)

    # ---- addresses and answers ----

    def address(self, name, index=0):
        """Where a passed socket listens."""
        return address_of(self.sockets[name][index])

    def get(self, path, name="web", **options):
        """GET on a listener."""
        return request(self.address(name), "GET", path, **options)

    def admin(self, method, path, body=None, headers=None, index=0):
        """One request to the admin API. index 0: Unix socket, 1: TCP. A dict is sent as JSON."""
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        return request(self.address("admin", index), method, path, body, headers,
                       timeout=self.admin_timeout)

    def workers(self, pool="web"):
        """The workers of a pool, as the admin API lists them."""
        answer = self.admin("GET", f"/v1/pools/{pool}/workers").json()
        return answer["workers"] if isinstance(answer, dict) else answer

    def ready_workers(self, pool="web"):
        """Those that serve."""
        return [worker for worker in self.workers(pool) if worker["state"] == "ready"]

    def pids(self, pool="web"):
        """{slot: pid} of those that serve."""
        return {worker["slot"]: worker["pid"] for worker in self.ready_workers(pool)}

    def wait_workers(self, count, pool="web"):
        """Waits until exactly `count` workers are there and all of them serve."""
        def settled():
            workers = self.workers(pool)
            serving = [worker for worker in workers if worker["state"] == "ready"]
            return serving if len(serving) == len(workers) == count else None
        return until(settled, f"{count} ready workers of {pool}",
                     explain=lambda: f"{self.workers(pool)}\n{self.log()}")

    def whoami(self, name="web"):
        """Which worker answers a new connection."""
        return self.get("/whoami", name).json()

    def wait_all_answer(self, count, name="web"):
        """Asks until `count` different workers have answered; returns {slot: pid}. Keeps what it has
        opened until then: one who has fewer connections than the others gets all new ones."""
        seen = {}
        with contextlib.ExitStack() as held:
            def ask():
                wire = held.enter_context(Wire(self.address(name)))
                answer = wire.ask("GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n").json()
                seen[answer["slot"]] = answer["pid"]
                return seen if len(seen) >= count else None
            return until(ask, f"{count} workers answer", explain=lambda: repr(seen))

    # ---- steering ----

    def scale(self, count, pool="web"):
        """PUT desired; the answer."""
        return self.admin("PUT", f"/v1/pools/{pool}/desired", {"workers": count})

    def reload(self):
        """POST /v1/reload, waits for the result."""
        return self.admin("POST", "/v1/reload", {})

    def rewrite(self, config):
        """Changes the configuration file, as editors do: a new file in place of the old one."""
        new = self.config.with_suffix(".new")
        new.write_text(config)
        new.replace(self.config)

    def ctl(self, *arguments, check=None):
        """Runs sockherdctl against this daemon; `check`: the exit status it must have."""
        done = subprocess.run(
            [program("sockherdctl"), *arguments], text=True, capture_output=True, timeout=60,
            env={"PATH": "/usr/bin:/bin", "RUNTIME_DIRECTORY": str(self.runtime)})
        if check is not None and done.returncode != check:
            raise AssertionError(f"sockherdctl {arguments}: {done}\n{self.log()}")
        return done
