"""Two sockherds on two machines (network namespaces), with one bus through a Redis that dies and comes back."""
import contextlib
import time

from tests.bench.engine import costs
from tests.bench.engine.rounds import say
from tests.bench.peers.websockets import ROOM
from tests.bench.websockets.room import Room, Sender, flood, quantiles
from tests.support import processes
from tests.support.daemon import Daemon
from tests.support.metrics import scrape
from tests.support.namespaces import Namespaces
from tests.support.redis_server import RedisServer
from tests.support.wait import until

PORT = 8080
WORKERS = 2        # of each machine
SIZE = 64
MILLION = 1e6
FEW = 100          # receivers on each machine, where losses are counted
PHASE = 2.0        # seconds of messages before, while and after Redis is away
INTERVAL = 0.005   # between two of them
QUIET = 1.5        # seconds in which nothing comes any more


class OnMachine(Daemon):
    """A sockherd there. It listens on the machine's end of the cable, which clients here reach."""

    def __init__(self, machine, bus):
        self.machine = machine
        super().__init__(f"""
[listener.web]
address = "{machine.its}:{PORT}"
[pool.web]
listeners = ["web"]
workers = {WORKERS}
bus = "{bus}"
routes = [{{ path = "{ROOM}", websocket = "room:bench" }}, {{ path = "/", module = "demo" }}]
""", sockets={}, prefix=machine.prefix)

    @property
    def web(self):
        """Where its clients connect to."""
        return f"{self.machine.its}:{PORT}"

    def pids(self):
        """All its processes."""
        return processes.session_of(self.pid)


class Both:
    """Two rooms as one, for flood()."""

    def __init__(self, rooms):
        self.rooms = rooms

    @property
    def receivers(self):
        """On both."""
        return sum(room.receivers for room in self.rooms)

    def came(self):
        """To both."""
        return sum(room.came() for room in self.rooms)


def measure(receivers, seconds):
    """{"flood": ..., "loss": ...}; receivers: on each machine."""
    with contextlib.ExitStack() as stack:
        machines = stack.enter_context(Namespaces(2))
        redis = stack.enter_context(RedisServer([machine.ours for machine in machines]))
        daemons = [OnMachine(machine, redis.url_at(machine.ours)) for machine in machines]
        for daemon in daemons:
            stack.callback(daemon.end)
            daemon.start()
        for daemon in daemons:
            daemon.ready()
        found = {"receivers": receivers, "workers": WORKERS}
        for window, manner in ((1, "alone"), (4, "full")):
            found[manner] = flooded(daemons, receivers, seconds, window)
        found["loss"] = loss(daemons, redis)
        return found


def rooms_of(stack, daemons, receivers):
    """Full ones."""
    return [stack.enter_context(Room(daemon.web, ROOM, receivers, SIZE, source=daemon.machine.ours))
            for daemon in daemons]


def flooded(daemons, receivers, seconds, window):
    """How soon it is there, here and on the other machine."""
    with contextlib.ExitStack() as stack:
        rooms = rooms_of(stack, daemons, receivers)
        sender = stack.enter_context(Sender(daemons[0].web, ROOM, SIZE))
        flood(Both(rooms), sender, 0.5, window)
        warm, before = sender.sent, [sum(costs.cpu(daemon.pids())) for daemon in daemons]
        took = flood(Both(rooms), sender, seconds, window)
        used = [sum(costs.cpu(daemon.pids())) - then for daemon, then in zip(daemons, before)]
        sent = sender.sent - warm
        reports = [room.finish() for room in rooms]
        return {"rate": sent / took, "deliveries": sent * Both(rooms).receivers / took,
                "cpu": sum(used) / (sent * Both(rooms).receivers) * MILLION,
                "late": sum(report["late"] for report in reports),
                "here": quantiles(reports[0]["delays"]), "there": quantiles(reports[1]["delays"])}


def bus_counters(daemons):
    """{name: total on both} of what the bus counts."""
    total = {}
    for daemon in daemons:
        for series, value in scrape(daemon).items():
            name = series.split("{")[0]
            if name.startswith("sockherd_bus_") and name.endswith("_total"):
                total[name] = total.get(name, 0) + value
    return total


def loss(daemons, redis):
    """Messages all the time, and Redis killed in the middle of them."""
    with contextlib.ExitStack() as stack:
        rooms = rooms_of(stack, daemons, FEW)
        sender = stack.enter_context(Sender(daemons[0].web, ROOM, SIZE))
        before = bus_counters(daemons)
        marks = []
        for act in (None, redis.kill, redis.start):
            if act:
                act()
            end = time.monotonic() + PHASE
            while time.monotonic() < end:
                sender.say()
                time.sleep(INTERVAL)
            marks.append(sender.sent)
        last = [sum(room.came() for room in rooms), time.monotonic()]

        def is_quiet():
            if (now := sum(room.came() for room in rooms)) != last[0]:
                last[:] = now, time.monotonic()
            return time.monotonic() - last[1] > QUIET
        until(is_quiet, "nothing comes any more", 60)
        reports = [room.finish() for room in rooms]
        counters = {name: value - before.get(name, 0) for name, value in bus_counters(daemons).items()}
        found = {"sent": sender.sent, "sent_at": marks, "counters": counters, "receivers": FEW,
                 "missed_here": sender.sent - reports[0]["messages"] / FEW,
                 "missed_there": sender.sent - reports[1]["messages"] / FEW,
                 "late": sum(report["late"] for report in reports)}
        say(f"  redis: {found}")
        return found
