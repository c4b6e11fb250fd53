"""What grows over a thousand reloads, and how long two things take."""
import pathlib
import statistics
import time

from tests.support import processes
from tests.support.hammer import Hammer
from tests.support.metrics import scrape
from tests.support.wait import until
from tests.system import service
from tests.system.service import configure, main_pid, serving, settle, systemctl

WORKERS = 2
LATE, MANY = 8, 64


def pss_kib(pid):
    """Its share of memory."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def sample():
    """When nobody drains any more."""
    until(lambda: len(service.workers()) == WORKERS, "all old workers are gone",
          explain=service.journal)
    main = main_pid()
    family = processes.children(main)
    return {"fds": len(processes.descriptors(main)),
            "fds of all": sum(len(processes.descriptors(pid)) for pid in (main, *family)),
            "stored": int(service.show("NFileDescriptorStore")),
            "processes": 1 + len(family),
            "generations": len({worker["generation"] for worker in service.workers()}),
            "PSS KiB of main": pss_kib(main),
            "PSS KiB": sum(map(pss_kib, (main, *family)))}


def reloads(system, count):
    """`count` reloads under a light load: {reloads: sample}, counters that went down, and the load."""
    system.begin("reload")
    configure(WORKERS)
    systemctl("reload", service.SERVICE)
    settle(WORKERS)
    samples, down = {0: sample()}, {}
    earlier = scrape(service)
    load = Hammer(system.address, path="/plaintext", short=2, keepalive=8, slow=8, think_ms=300,
                  latency_ms=20, rate=200, slow_after_ms=1000)
    began = time.monotonic()
    for number in range(1, count + 1):
        service.ctl("reload")
        if number % max(1, count // 10) == 0:
            samples[number] = sample()
            now = scrape(service)
            down.update(now.gone_down(earlier))
            earlier = now
    seconds = time.monotonic() - began
    report = load.stop()
    system.end()
    return {"samples": samples, "counters_gone_down": {k: list(v) for k, v in down.items()},
            "lost": report.lost, "requests": report["requests"], "slow": report["slow"],
            "seconds": seconds, "failures": report["first_failures"]}


def timed(act):
    """Milliseconds."""
    began = time.monotonic()
    act()
    return (time.monotonic() - began) * 1000


def times(system, rounds):
    """Without load: 1 -> 64 workers until all are ready; reload of 8 until all new ones serve."""
    system.begin("reload")
    up, again = [], []
    for _ in range(rounds):
        service.scale_to(1)
        until(lambda: len(service.workers()) == 1, "one worker")

        def grow():
            service.scale_to(MANY)
            until(lambda: len(serving()) == MANY, "all of them")
        up.append(timed(grow))
    service.scale_to(LATE)
    until(lambda: len(service.workers()) == LATE, "eight workers")
    for _ in range(rounds):
        again.append(timed(lambda: service.ctl("reload")))
        until(lambda: len(service.workers()) == LATE, "eight workers")
    system.end()
    return {"scale 1 to 64 ms": up, "reload of 8 ms": again,
            "scale median ms": statistics.median(up), "reload median ms": statistics.median(again)}
