"""tsung, a load generator that is not ours: users that connect, send one message and stay.

It runs without ssh: its clients are on this machine, so the command that it starts them with is a shell. One of
its virtual machines cannot start a thousand users a second, nor hold more than the limit of descriptors; so there
are several, with several source addresses. It answers no pings while it thinks.
"""
import dataclasses
import os
import pathlib
import re
import subprocess
import tempfile

from tests.support.orphans import kill_marked
from tests.support.tcp import free_port
from tests.support.wait import until

PER_VM = 16_000      # users; each has a descriptor, of 20,000
FEWEST_VMS = 4       # one starts 500 users a second and not more
PER_SOURCE = 20_000  # connections from one source address, which has 28,000 ports
ROOM_FOR_ALL = 6     # they start late where the machine is busy, and what is left over is never started
CONNECTOR = """#!/bin/sh
# In the place of ssh: [-l user] [-n] host command...
while [ "${1#-}" != "$1" ]; do [ "$1" != -l ] || shift; shift; done
shift
exec sh -c "$*"
"""
LINE = re.compile(r"^stats: (\w+) (.*)$")


@dataclasses.dataclass(frozen=True)
class Scenario:
    """users in all, `rate` of them a second; each stays for `hold` seconds after its message."""

    address: str
    users: int
    rate: int
    hold: int
    path: str = "/echo"

    @property
    def vms(self):
        """How many of its virtual machines share them."""
        return max(FEWEST_VMS, -(-self.users // PER_VM))

    def xml(self):
        """Its configuration."""
        host, port = self.address.rsplit(":", 1)
        sources = "".join(f'<ip value="127.0.0.{2 + i}"/>' for i in range(-(-self.users // PER_SOURCE)))
        seconds = int(self.users / self.rate * ROOM_FOR_ALL) + 5
        return f"""<?xml version="1.0"?>
<!DOCTYPE tsung SYSTEM "/usr/share/tsung/tsung-1.0.dtd" []>
<tsung loglevel="notice" version="1.0">
  <clients><client host="localhost" cpu="{self.vms}" maxusers="{2 * PER_VM}">{sources}</client></clients>
  <servers><server host="{host}" port="{port}" type="tcp"/></servers>
  <load>
    <arrivalphase phase="1" duration="{seconds}" unit="second">
      <users maxnumber="{self.users}" arrivalrate="{self.rate}" unit="second"/>
    </arrivalphase>
  </load>
  <sessions>
    <session name="hold" probability="100" type="ts_websocket">
      <transaction name="open"><request>
        <websocket type="connect" path="{self.path}" origin="http://{host}"/>
      </request></transaction>
      <transaction name="message"><request><websocket type="message">hello</websocket></request></transaction>
      <thinktime value="{self.hold}" random="false"/>
      <request><websocket type="close"/></request>
    </session>
  </sessions>
</tsung>
"""


class Stats(dict):
    """The last figures of each name, as its log has them: a list of numbers."""

    @classmethod
    def of(cls, text):
        """From the text of tsung.log."""
        found = cls()
        for line in text.splitlines():
            if match := LINE.match(line):
                found[match[1]] = [float(word) for word in match[2].split()]
        return found

    def count(self, name):
        """Of all samples or events so far; of a gauge: now."""
        return int(self[name][-1]) if name in self else 0

    def milliseconds(self, name):
        """{"mean", "max"} of all samples."""
        if name not in self:
            return None
        return {"mean": self[name][5], "max": self[name][3]}

    def errors(self):
        """{name: count} of all that it calls an error."""
        return {name: self.count(name) for name in self
                if name.startswith("error") or name == "websocket_fail"}


class Tsung:
    """A run of it. Leaving it ends all its processes."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.directory = tempfile.TemporaryDirectory(prefix="sh-tsung-")
        self.home = pathlib.Path(self.directory.name)
        self.epmd = str(free_port())  # a name server of our own, which ends with us
        self.process = None

    def __enter__(self):
        connector = self.home / "connector"
        connector.write_text(CONNECTOR)
        connector.chmod(0o755)
        (self.home / "scenario.xml").write_text(self.scenario.xml())
        # erl starts one, too, but does not wait until it listens.
        subprocess.run(["epmd", "-daemon"], env=self.environment(), check=True)
        until(lambda: subprocess.run(["epmd", "-names"], env=self.environment(), check=False,
                                     capture_output=True).returncode == 0, "epmd listens")
        with (self.home / "output").open("wb") as output:
            self.process = subprocess.Popen(
                ["tsung", "-n", "-f", str(self.home / "scenario.xml"), "-l", str(self.home / "log"), "-r",
                 str(connector), "start"], env=self.environment(), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True)
        return self

    def environment(self):
        """A statistics dump each second; the name server's port."""
        return {**os.environ, "HOME": str(self.home), "ERL_EPMD_PORT": self.epmd,
                "ERL_AFLAGS": "-tsung_controller dumpstats_interval 1000"}

    def stats(self):
        """So far."""
        log = next(self.home.glob("log/*/tsung.log"), None)
        return Stats.of(log.read_text()) if log else Stats()

    def ended(self):
        """Whether it is through, by itself."""
        return self.process.poll() is not None

    def output(self):
        """What it said, for messages."""
        return (self.home / "output").read_text()

    def __exit__(self, *_):
        kill_marked(f"ERL_EPMD_PORT={self.epmd}")  # its virtual machines are daemons, in no session of ours
        self.process.wait()
        self.directory.cleanup()
