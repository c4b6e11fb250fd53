"""Very many WebSockets at once: opened, held, and each asked for an echo at the end.

The client is `sockherdctl bench ws`, on the same machine. What a connection costs is told apart: memory of the
workers themselves (private dirty pages, which no other process shares), and what the kernel takes for both ends
of it, the client's too.
"""
import json
import pathlib
import re
import subprocess
import tempfile
import threading
import time

from tests.bench.engine import costs
from tests.bench.engine.rounds import say
from tests.bench.peers.websockets import ECHO
from tests.support import processes
from tests.support.daemon import Daemon
from tests.support.metrics import scrape
from tests.support.paths import program

PER_WORKER = 17_000  # of 20,000 descriptors: the kernel's hash does not divide exactly
SETTLE = 1 / 6       # of the time that they are held, for what a server does later
IDLE = 1 / 3         # of that time: idle CPU is looked at
TIMEOUT = "120s"     # of one connection: accept queues are long at times
CONFIG = """
[listener.web]
[pool.web]
listeners = ["web"]
workers = {workers}
start_timeout = "5m"
hang_timeout = "5m"
websocket_ping = "0s"
routes = [{{ path = "{echo}", websocket = "echo" }}]
"""


def fields_of(path):
    """{name: bytes} of /proc/meminfo and the like."""
    return {name: int(number) * 1024
            for name, number in re.findall(r"^(\w+): +(\d+) kB$", pathlib.Path(path).read_text(), re.MULTILINE)}


def tcp_memory():
    """Bytes that queues of TCP hold now."""
    text = pathlib.Path("/proc/net/sockstat").read_text()
    return int(re.search(r"^TCP:.* mem (\d+)$", text, re.MULTILINE)[1]) * 4096


def used():
    """{"available", "slab", "tcp"}: of the whole machine, in bytes."""
    memory = fields_of("/proc/meminfo")
    return {"available": memory["MemAvailable"], "slab": memory["Slab"], "tcp": tcp_memory()}


class Client:
    """The load, and in which of its phases it is. hold: seconds from when all are open."""

    def __init__(self, url, connections, hold, more=()):
        self.directory = tempfile.TemporaryDirectory(prefix="sh-many-")
        self.report_file = pathlib.Path(self.directory.name, "report.json")
        self.phase, self.lines = "connect", []
        self.phase_changed = threading.Condition()
        self.process = subprocess.Popen(
            [program("sockherdctl"), "bench", "ws", url, "--connections", str(connections), "--hold",
             "--duration", f"{hold:.0f}s", "--echo-at-end", "--timeout", TIMEOUT, "--size", "32",
             "--save", str(self.report_file), *more],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if match := re.match(r"(connect|run|echo|close) +\[", line):
                say(f"  {line.rstrip()}")
                with self.phase_changed:
                    self.phase = match[1]
                    self.phase_changed.notify_all()
        with self.phase_changed:
            self.phase = "over"
            self.phase_changed.notify_all()

    def wait_open(self):
        """Until all are open; the end of the load raises."""
        with self.phase_changed:
            self.phase_changed.wait_for(lambda: self.phase != "connect")
        if self.phase != "run":
            raise RuntimeError("\n".join(self.lines[-20:]))

    def pids(self):
        """Its processes."""
        return [self.process.pid, *processes.children(self.process.pid)]

    def result(self):
        """Its report; waits for its end."""
        text = self.process.stdout.read()
        status = self.process.wait()
        self.reader.join()
        if not self.report_file.exists():
            raise RuntimeError(f"status {status}: {text}\n" + "\n".join(self.lines[-20:]))
        return {**json.loads(self.report_file.read_text()), "status": status, "text": text}

    def end(self):
        """Whatever happened."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.directory.cleanup()


class Recorder:
    """What the machine has once a second, by the clock of the load."""

    def __init__(self):
        self.samples, self.began = [], time.monotonic()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.over.wait(1.0):
            self.samples.append({"seconds": time.monotonic() - self.began, **used()})

    def stop(self):
        """The samples."""
        self.over.set()
        self.thread.join()
        return self.samples


def idle_costs(pids, seconds):
    """Cores that these processes take while nothing happens."""
    before, began = sum(costs.cpu(pids)), time.monotonic()
    time.sleep(seconds)
    return (sum(costs.cpu(pids)) - before) / (time.monotonic() - began)


def measure(address, connections, pids, websockets, hold):
    """Against any server: pids(), its processes; websockets(): how many it says are open, or None."""
    before = {"server": costs.memory(pids()), **used()}
    recorder = Recorder()
    client = Client(f"ws://{address}{ECHO}", connections, hold)
    try:
        client.wait_open()
        time.sleep(hold * SETTLE)
        held = {"server": costs.memory(pids()), "client": costs.memory(client.pids()), **used()}
        run = {"before": before, "held": held, "cpu_idle": idle_costs(pids(), hold * IDLE), "open": websockets()}
        run["load"] = client.result()
    finally:
        client.end()
        run_samples = recorder.stop()
    opened = run["load"]["connections"]["open_at_run"]
    run["samples"] = run_samples
    run["connections"] = opened
    run["user_bytes"] = (held["server"]["private_dirty"] - before["server"]["private_dirty"]) / max(opened, 1)
    run["client_bytes"] = held["client"]["private_dirty"] / max(opened, 1)
    # Not by what is available: others may be at work here, and this is only sockets, files and their watches.
    run["kernel_bytes"] = (held["slab"] - before["slab"]) / max(opened, 1)
    return run


def sockherd(connections, hold):
    """The measurement of sockherd, with as many workers as the limit of descriptors asks for."""
    workers = max(2, -(-connections // PER_WORKER))
    daemon = Daemon(CONFIG.format(workers=workers, echo=ECHO))
    try:
        daemon.start()
        daemon.ready()
        daemon.wait_workers(workers)

        def pids():
            return list(daemon.pids().values())

        def websockets():
            return int(scrape(daemon).total("sockherd_websocket_connections"))
        run = measure(daemon.address("web"), connections, pids, websockets, hold)
        run["workers"] = workers
        run["faults"] = [line for line in daemon.log().splitlines() if "crash" in line or "hung" in line]
        return run
    finally:
        daemon.end()
