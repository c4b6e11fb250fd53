"""The installed service as an administrator handles it: systemctl, journalctl, files in /etc."""
import json
import pathlib
import subprocess

from tests.support import processes
from tests.support.http import request
from tests.support.wait import until

SERVICE, SOCKET, ADMIN_SOCKET = "sockherd.service", "sockherd.socket", "sockherd-admin.socket"
CONFIG = pathlib.Path("/etc/sockherd/sockherd.toml")
ADMIN = "127.0.0.1:9753"
DROP_INS = pathlib.Path("/run/systemd/system")


def systemctl(*arguments, check=True):
    """Runs systemctl; on failure the error says what it said."""
    done = subprocess.run(["systemctl", *arguments], text=True, capture_output=True)
    if check and done.returncode != 0:
        raise AssertionError(f"systemctl {arguments}: {done.stdout}{done.stderr}\n{journal()}")
    return done


def show(name, unit=SERVICE):
    """One property of a unit."""
    return systemctl("show", "-P", name, unit).stdout.strip()


def journal(lines=30):
    """The end of the service's journal."""
    subprocess.run(["journalctl", "--sync"], check=False)
    return subprocess.run(["journalctl", "-u", SERVICE, "-n", str(lines), "--no-pager", "-o", "cat"],
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


def wait_workers(count):
    """Waits until exactly `count` are there and serve."""
    def settled():
        found = workers()
        return len(found) == count and all(worker["state"] == "ready" for worker in found)
    until(settled, f"{count} ready workers", explain=journal)


def scale(count):
    """Over the admin port, and waits until it is so."""
    answer = admin("PUT", "/v1/pools/web/desired", {"workers": count})
    if answer.status != 200:
        raise AssertionError(answer)
    wait_workers(count)


def user_of(pid):
    """The effective user id of a process."""
    lines = (processes.PROC / str(pid) / "status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Uid:")).split()[2])
