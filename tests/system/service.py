"""The installed service as an administrator handles it: systemctl, journalctl, files in /etc."""
import http.client
import json
import pathlib
import subprocess

from tests.support import processes
from tests.support.http import request
from tests.support.wait import until

SERVICE, SOCKET, ADMIN_SOCKET = "sockherd.service", "sockherd.socket", "sockherd-admin.socket"
CONFIG = pathlib.Path("/etc/sockherd/sockherd.toml")
STATE = pathlib.Path("/run/sockherd/state")  # counts changed at run time; outlives a stop
ADMIN = "127.0.0.1:9753"
EXAMPLES = pathlib.Path("/usr/share/doc/sockherd/examples/units")  # drop-ins
DROP_INS = pathlib.Path("/run/systemd/system")


CONFIGURATION = """\
[listener.web]
{listener}
{more}
[pool.web]
listeners = [{listeners}]
workers = {workers}
routes = [{{ path = "/", module = "demo" }}{routes}]
{pool}
"""


def configure(workers=2, routes="", listener="", pool="", more="", listeners=("web",)):
    """Writes the configuration file."""
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.write_text(CONFIGURATION.format(
        workers=workers, routes=routes, listener=listener, pool=pool, more=more,
        listeners=", ".join(f'"{name}"' for name in listeners)))


def systemctl(*arguments, check=True):
    """Runs systemctl; on failure the error says what it said."""
    done = subprocess.run(["systemctl", *arguments], text=True, capture_output=True)
    if check and done.returncode != 0:
        explain = journal(60, SERVICE, SOCKET, ADMIN_SOCKET)
        raise AssertionError(f"systemctl {arguments}: {done.stdout}{done.stderr}\n{explain}")
    return done


def show(name, unit=SERVICE):
    """One property of a unit."""
    return systemctl("show", "-P", name, unit).stdout.strip()


def journal(lines=30, *units):
    """The end of the service's journal, or of that of several units."""
    subprocess.run(["journalctl", "--sync"], check=False)
    named = [word for unit in units or (SERVICE,) for word in ("-u", unit)]
    return subprocess.run(["journalctl", *named, "-n", str(lines), "--no-pager", "-o", "cat"],
                          text=True, capture_output=True).stdout


def drop_in(unit, text):
    """A drop-in until the next boot."""
    folder = DROP_INS / f"{unit}.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test.conf").write_text(text)
    systemctl("daemon-reload")


def remove_drop_in(unit):
    """The unit as it was installed."""
    (DROP_INS / f"{unit}.d/test.conf").unlink(missing_ok=True)
    systemctl("daemon-reload")


def web_address():
    """Where sockherd.socket listens, as a client reaches it: "[::]:8080 (Stream)" or a bare port."""
    port = show("Listen", SOCKET).split()[0].rsplit(":", 1)[-1]
    return f"127.0.0.1:{port}"


def main_pid():
    """Of the supervisor; 0 while it does not run."""
    return int(show("MainPID"))


def admin(method, path, body=None):
    """One request to the admin port."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    return request(ADMIN, method, path, json.dumps(body) if body is not None else None, headers)


def workers():
    """All workers of the pool "web"."""
    return admin("GET", "/v1/pools/web/workers").json()["workers"]


def worker_pids():
    """Of those that serve."""
    return {worker["pid"] for worker in workers() if worker["state"] == "ready"}


def pid_of_slot(slot, but=0):
    """Who serves it; 0 if nobody does, or only `but`."""
    return next((worker["pid"] for worker in workers() if worker["slot"] == slot and
                 worker["state"] == "ready" and worker["pid"] != but), 0)


def balance_in_force():
    """Of the listener "web"."""
    listed = json.loads(ctl("listeners", "--json"))["listeners"]
    return next(one["balance_in_force"] for one in listed if one["name"] == "web")


def serving():
    """The same; empty while nobody answers at the admin port."""
    try:
        return worker_pids()
    except (OSError, http.client.HTTPException, AssertionError, KeyError):  # the last one: of a 503
        return set()


def settle(count, without=()):
    """Waits until exactly `count` workers serve, none of them one of `without`; others may drain."""
    return until(lambda: len(now := serving()) == count and not now & set(without) and now,
                 f"{count} others serve", explain=journal)


def wait_workers(count):
    """Waits until exactly `count` are there and serve."""
    def settled():
        found = workers()
        return len(found) == count and all(worker["state"] == "ready" for worker in found)
    until(settled, f"{count} ready workers", explain=journal)


def scale_to(count):
    """Over the admin port."""
    answer = admin("PUT", "/v1/pools/web/desired", {"workers": count})
    if answer.status != 200:
        raise AssertionError(answer)


def scale(count):
    """The same, and waits until it is so."""
    scale_to(count)
    wait_workers(count)


def ctl(*arguments):
    """Runs sockherdctl."""
    done = subprocess.run(["sockherdctl", *arguments], text=True, capture_output=True)
    if done.returncode != 0:
        raise AssertionError(f"sockherdctl {arguments}: {done.stdout}{done.stderr}\n{journal()}")
    return done.stdout


def user_of(pid):
    """The effective user id of a process."""
    lines = (processes.PROC / str(pid) / "status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Uid:")).split()[2])
