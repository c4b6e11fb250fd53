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
WORKERS = 1        # of each machine, so that what it counts is what each of its receivers sees
SIZE = 64
MILLION = 1e6
FEW = 100          # receivers on each machine, where losses are counted
PHASE = 2.0        # seconds of messages before, while and after Redis is away
INTERVAL = 0.001   # between two of them
QUIET = 1.5        # seconds in which nothing comes any more
SHORT_QUEUE = 100  # messages: less than are said while Redis is away


class OnMachine(Daemon):
    """A sockherd there. It listens on the machine's end of the cable, which clients here reach."""

    def __init__(self, machine, bus, more=""):
        self.machine = machine
        super().__init__(f"""
[listener.web]
address = "{machine.its}:{PORT}"
[pool.web]
listeners = ["web"]
workers = {WORKERS}
bus = "{bus}"
{more}
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
    """{"alone", "full", "losses"}; receivers: on each machine."""
    found = {"receivers": receivers, "workers": WORKERS, "losses": {}}
    with contextlib.ExitStack() as stack:
        machines = stack.enter_context(Namespaces(2))
        redis = stack.enter_context(RedisServer([machine.ours for machine in machines]))
        with running(machines, redis) as daemons:
            for window, manner in ((1, "alone"), (4, "full")):
                found[manner] = flooded(daemons, receivers, seconds, window)
            found["losses"]["as it is"] = loss(daemons, redis)
        with running(machines, redis, f"bus_queue = {SHORT_QUEUE}") as daemons:
            found["losses"][f"bus_queue = {SHORT_QUEUE}"] = loss(daemons, redis)
    return found


@contextlib.contextmanager
def running(machines, redis, more=""):
    """A sockherd on each of them, connected."""
    with contextlib.ExitStack() as stack:
        daemons = [OnMachine(machine, redis.url_at(machine.ours), more) for machine in machines]
        for daemon in daemons:
            stack.callback(daemon.end)
            daemon.start()
        for daemon in daemons:
            daemon.ready()
            until(lambda daemon=daemon: scrape(daemon).total("sockherd_remote_bus_connected") >= WORKERS,
                  "it is connected to Redis", explain=daemon.log)
        yield daemons


def markdown(found):
    """The tables."""
    lines = [f"### {found['receivers']:,} receivers on each of two machines, through Redis", "",
             "Two network namespaces with a sockherd of one worker each; the sender is on the first. The receivers are two "
             "programs in Python on the same CPUs.", "",
             "| under way at once | messages/s | deliveries/s | CPU s per million | here: p50 ms | p99 ms | there: p50 ms | "
             "p99 ms |", "|---|" + "---:|" * 7]
    for words, row in (("one", found["alone"]), ("four", found["full"])):
        lines.append(f"| {words} | {row['rate']:.1f} | {row['deliveries']:,.0f} | {row['cpu']:.2f} | " + " | ".join(
            f"{row[where][key]:.1f}" for where in ("here", "there") for key in ("p50_ms", "p99_ms")) + " |")
    lines += ["", "Redis killed with SIGKILL in the middle of the messages, and started again two seconds later:", "",
              "| | sent | while Redis was away | not heard here | not heard there | dropped, as counted | missed, as counted | "
              "came twice | out of order |", "|---|" + "---:|" * 8]
    for words, row in found["losses"].items():
        counters = row["counters"]
        dropped = sum(value for name, value in counters.items() if name.startswith("remote_bus_dropped"))
        lines.append(f"| {words} | {row['sent']:,} | {row['sent_at'][1] - row['sent_at'][0]:,} | {row['missed_here']:,.0f} | "
                     f"{row['missed_there']:,.0f} | {dropped:,.0f} | {counters['remote_bus_missed']:,.0f} | "
                     f"{counters['remote_bus_duplicates']:,.0f} | {row['late']:,} |")
    return lines + [""]


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
    """{name: total of both} of what is counted as lost, or late, on the way."""
    total = {}
    for daemon in daemons:
        for series, value in scrape(daemon).items():
            name, _, labels = series.partition("{")
            if name.startswith(("sockherd_bus_", "sockherd_remote_bus_")) and name.endswith("_total"):
                reason = "".join(f" {part.split(chr(34))[1]}" for part in labels.split(",") if part.startswith("reason"))
                key = name.removeprefix("sockherd_").removesuffix("_total") + reason
                total[key] = total.get(key, 0) + value
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
