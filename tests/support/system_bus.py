"""A system bus of a test's own, with what speaks on it.

    bus = SystemBus(); bus.start()
    bus.environment                          # of whoever shall use it
    bus.call("GetStatus"), bus.property("Ready")
    bus.polkit("yes")                        # a stub of polkit that answers so, until end()
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading

from tests.support.paths import ROOT
from tests.support.wait import until

NAME = "io.sockherd.Sockherd1"
OBJECT = "/io/sockherd/Sockherd1"
POLICY = ROOT / "packaging/dbus/io.sockherd.Sockherd1.conf"
STUB_POLKIT = pathlib.Path(__file__).with_name("stub_polkit.py")

# As the system bus of Debian: nobody may own a name or call a method unless a policy allows it.
CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
  </policy>
  {policy}
</busconfig>
"""


def read_policy():
    """The rules that we install, without the user that only an installed system has."""
    text = POLICY.read_text()
    body = text.split("<busconfig>")[1].split("</busconfig>")[0]
    return body.replace('user="sockherd"', 'user="root"')


class SystemBus:
    """A dbus-daemon that may be ended and started again at the same address."""

    def __init__(self, policy=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="sh-bus-", dir="/tmp"))
        self.directory.chmod(0o755)
        self.socket = self.directory / "socket"
        config = self.directory / "bus.conf"
        config.write_text(CONFIG.format(socket=self.socket,
                                        policy=read_policy() if policy is None else policy))
        self.config = config
        self.process = None
        self.others = []
        self.address = f"unix:path={self.socket}"
        self.environment = {"DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def start(self):
        """Returns when it takes connections."""
        self.process = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self.config}", "--nofork", "--nopidfile", "--nosyslog",
             "--print-address=1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if not self.process.stdout.readline():
            raise AssertionError("dbus-daemon does not start")
        return self

    def stop(self):
        """As in its upgrade: every connection ends."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None
        self.socket.unlink(missing_ok=True)

    def end(self):
        """Everything that was started."""
        for other in self.others:
            other.kill()
            other.wait()
            if other.stdout:
                other.stdout.close()
        if self.process:
            self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- asking ----

    def busctl(self, *arguments, user=None):
        """busctl on this bus, as another user if wanted; the finished process."""
        prefix = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        return subprocess.run([*prefix, "busctl", f"--address={self.address}", *arguments], text=True,
                              capture_output=True, timeout=60)

    def call(self, method, *arguments, user=None, interactive=False):
        """A method of the service; the answer as data, or an AssertionError with what was said."""
        done = self.busctl("--json=short",
                           f"--allow-interactive-authorization={'yes' if interactive else 'no'}",
                           "call", NAME, OBJECT, NAME, method, *map(str, arguments), user=user)
        if done.returncode != 0:
            raise AssertionError(done.stderr.strip())
        return json.loads(done.stdout)["data"]

    def property(self, name, path=OBJECT, interface=NAME):
        """One property."""
        done = self.busctl("--json=short", "get-property", NAME, path, interface, name)
        if done.returncode != 0:
            raise AssertionError(done.stderr.strip())
        return json.loads(done.stdout)["data"]

    def objects(self):
        """All that GetManagedObjects tells: {path: {interface: {property: value}}}."""
        done = self.busctl("--json=short", "call", NAME, OBJECT,
                           "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        if done.returncode != 0:
            raise AssertionError(done.stderr.strip())
        return {path: {interface: {name: one["data"] for name, one in properties.items()}
                       for interface, properties in interfaces.items()}
                for path, interfaces in json.loads(done.stdout)["data"][0].items()}

    def has_service(self):
        """Whether somebody owns our name."""
        done = self.busctl("call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                           "org.freedesktop.DBus", "NameHasOwner", "s", NAME)
        return done.returncode == 0 and "true" in done.stdout

    def wait_service(self, explain=None):
        """Until it is there."""
        until(self.has_service, f"{NAME} on the bus", explain=explain)

    # ---- others on it ----

    def monitor(self):
        """Signals of the service from now on: a function that waits for the next that fits."""
        process = subprocess.Popen(
            ["busctl", f"--address={self.address}", "--json=short",
             f"--match=type='signal',sender='{NAME}'", "monitor"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.others.append(process)
        process.stderr.readline()  # "Monitoring bus message stream."
        process.stderr.close()

        def wait(fits):
            giving_up = threading.Timer(30, process.kill)
            giving_up.start()
            try:
                for line in process.stdout:
                    message = json.loads(line)
                    if message.get("type") == "signal" and fits(message):
                        return message
            finally:
                giving_up.cancel()
            raise AssertionError("that signal has not come")
        return wait

    def polkit(self, answer):
        """A stub that answers so to all who ask: yes, no, challenge, or never."""
        stub = StubPolkit(answer, {**os.environ, **self.environment})
        self.others.append(stub.process)
        return stub


class StubPolkit:
    """stub_polkit.py, and what it was asked."""

    def __init__(self, answer, environment):
        self.process = subprocess.Popen([sys.executable, str(STUB_POLKIT), answer], text=True,
                                        stdout=subprocess.PIPE, env=environment)
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError("the stub of polkit does not start")

    def questions(self, count):
        """The next ones, as soon as they are there; fails where they do not come."""
        giving_up = threading.Timer(30, self.process.kill)
        giving_up.start()
        lines = [self.process.stdout.readline() for _ in range(count)]
        giving_up.cancel()
        if not all(lines):
            raise AssertionError(f"polkit was asked only {lines}")
        return [line.rstrip("\n") for line in lines]

    def end(self):
        """Whoever asks from now on hears that there is none; the questions that nobody has read yet."""
        self.process.terminate()
        rest = self.process.stdout.read().splitlines()
        self.process.wait()
        return rest
