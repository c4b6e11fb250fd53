"""The others, as Debian ships them, with its units (Puma: the units of its documentation).

All answer /plaintext with the same 13 bytes, and /io?ms=4000 after four seconds without holding up a
process: nginx by the echo module, HAProxy by a Lua service, Puma by a sleeping thread of 32 a worker.
"""
import os
import pathlib
import signal

from tests.bench.lifecycle.system import SCALES, WORKERS, System, output, titled
from tests.support import processes
from tests.support.http import request
from tests.support.wait import until
from tests.system.service import show, systemctl

COMMON = {"reload": "reload", "reload-broken": "reload_broken", "scale": "scale",
          "late": "scale", "restart": "restart", "kill-main": "kill_main",
          "kill-worker": "kill_worker"}


class Nginx(System):
    """One socket for all workers. Workers that shut down have another title."""

    name = "nginx"
    unit = "nginx.service"
    port = 8081
    options = ""
    rows = COMMON
    file = pathlib.Path("/etc/nginx/nginx.conf")

    def write(self, workers):
        self.file.write_text(f"""
user www-data; worker_processes {workers}; pid /run/nginx.pid;
include /etc/nginx/modules-enabled/*.conf;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type text/plain;
  server {{
    listen {self.port} backlog=4096{self.options};
    location = /plaintext {{ return 200 "Hello, World!"; }}
    location = /io {{ echo_sleep 4; echo "Waited"; }}
  }}
}}
""")

    def serving(self):
        return (titled(self.main(), "nginx: worker process") -
                titled(self.main(), "is shutting down"))

    def reload_broken(self):
        """It says so in its log, and goes on; systemctl reload succeeds."""
        good, before = self.file.read_text(), self.serving()
        self.file.write_text("nonsense;\n")
        systemctl("reload", self.unit, check=False)
        self.file.write_text(good)
        self.settle(WORKERS, self.serving() - before)

    def scale(self):
        """By worker_processes and a reload."""
        before = self.serving()
        count = SCALES[(self.turn - 1) % len(SCALES)]
        self.write(count)
        systemctl("reload", self.unit)
        self.settle(count, before)

    def kill_main(self):
        """Debian's unit has no Restart=: systemd ends the workers, and we start it again at once."""
        before = self.main()
        os.kill(before, signal.SIGKILL)
        until(lambda: show("ActiveState", self.unit) == "failed", "systemd noticed")
        until(lambda: systemctl("start", self.unit, check=False).returncode == 0, "it starts")
        until(self.is_up, "it is back")
        self.settle(WORKERS)

    def version(self):
        return output("nginx", "-v").replace("nginx version: ", "")


class NginxReuseport(Nginx):
    """One socket a worker."""

    name = "nginx reuseport"
    port = 8082
    options = " reuseport"


class Haproxy(System):
    """Master and one worker with threads; sockets go over at a reload (expose-fd listeners)."""

    name = "HAProxy"
    unit = "haproxy.service"
    port = 8083
    rows = COMMON
    file = pathlib.Path("/etc/haproxy/haproxy.cfg")

    def write(self, workers):
        self.file.with_name("wait.lua").write_text("""
core.register_service("wait", "http", function(applet)
  core.msleep(4000)
  local body = "Waited\\n"
  applet:set_status(200)
  applet:add_header("content-length", string.len(body))
  applet:add_header("content-type", "text/plain")
  applet:start_response()
  applet:send(body)
end)
""")
        self.file.write_text(f"""
global
  stats socket /run/haproxy/admin.sock mode 660 level admin expose-fd listeners
  user haproxy
  group haproxy
  nbthread {workers}
  lua-load /etc/haproxy/wait.lua
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend web
  bind :{self.port} backlog 4096
  http-request use-service lua.wait if {{ path /io }}
  http-request return status 200 content-type text/plain string "Hello, World!" if {{ path /plaintext }}
""")

    def serving(self):
        """The newest worker: it alone has the sockets once the others were told to finish."""
        found = processes.children(self.main()) if self.main() else ()
        return {max(found, key=lambda pid: int(processes.stat_fields(pid)[19]))} if found else set()

    def settle(self, count, without=()):
        """Threads are not counted."""
        super().settle(1, without)
        until(lambda: show("ActiveState", self.unit) == "active", "the unit is up again")

    def reload_broken(self):
        """The check in ExecReload= finds it."""
        good = self.file.read_text()
        self.file.write_text("nonsense\n")
        systemctl("reload", self.unit, check=False)
        self.file.write_text(good)

    def scale(self):
        """By nbthread and a reload."""
        before = self.serving()
        self.write(SCALES[(self.turn - 1) % len(SCALES)])
        systemctl("reload", self.unit)
        self.settle(1, before)

    def version(self):
        return "haproxy/" + output("haproxy", "-v").split()[2]


class Puma(System):
    """Cluster mode, without preloading, so that it can replace its workers one by one (USR1)."""

    name = "Puma"
    unit = "puma.service"
    port = 8084
    rows = {key: name for key, name in COMMON.items() if key != "reload-broken"}
    control = "unix:/run/puma-control.sock"

    def write(self, workers):
        pathlib.Path("/etc/puma.rb").write_text(f"""
workers {workers}
threads 32, 32
bind "tcp://0.0.0.0:{self.port}"
activate_control_app "unix:///run/puma-control.sock", {{ no_token: true }}
app do |env|
  if env["PATH_INFO"] == "/io"
    sleep 4
    [200, {{ "content-type" => "text/plain" }}, ["Waited\\n"]]
  else
    [200, {{ "content-type" => "text/plain" }}, ["Hello, World!"]]
  end
end
""")
        units = pathlib.Path("/run/systemd/system")
        units.mkdir(exist_ok=True)
        (units / "puma.socket").write_text(
            f"[Socket]\nListenStream=0.0.0.0:{self.port}\nNoDelay=true\nReusePort=true\nBacklog=1024\n")
        (units / "puma.service").write_text(
            "[Unit]\nRequires=puma.socket\nAfter=network.target\n"
            "[Service]\nType=notify\nWatchdogSec=10\nRestart=always\n"
            "ExecStart=/usr/bin/puma -C /etc/puma.rb\nExecReload=/bin/kill -USR1 $MAINPID\n")
        systemctl("daemon-reload")

    def end(self):
        systemctl("stop", "puma.socket", check=False)
        super().end()

    def serving(self):
        """Those that have booted, by its own statistics."""
        try:
            listed = request(self.control, "GET", "/stats").json()["worker_status"]
        except (OSError, AssertionError, KeyError, ValueError):
            return set()
        booted = {worker["pid"] for worker in listed if worker["booted"]}
        return booted if len(booted) == len(listed) else set()

    def scale(self):
        """By TTIN and TTOU."""
        count = SCALES[(self.turn - 1) % len(SCALES)]
        while (now := len(self.serving())) != count:
            if now:
                os.kill(self.main(), signal.SIGTTIN if now < count else signal.SIGTTOU)
                wanted = now + (1 if now < count else -1)
                self.settle(wanted)

    def version(self):
        return output("puma", "--version").replace(" version ", "/")
