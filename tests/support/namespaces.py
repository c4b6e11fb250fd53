"""Machines of their own on this one: network namespaces, each with a cable to ours.

    with Namespaces(2) as machines:
        machines[0].ours      # our address on that cable, where a server of ours listens for it
        machines[0].prefix    # ["ip", "netns", "exec", NAME]: before a command that is to run there

Needs root and iproute2 (can_make()).
"""
import contextlib
import dataclasses
import os
import subprocess

NETWORK = "10.217"


def can_make():
    """Whether namespaces can be made here."""
    name = f"sh-{os.getpid()}-try"
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if done.returncode == 0:
        ip("netns", "delete", name)
    return done.returncode == 0


def ip(*arguments):
    """ip(8)."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@dataclasses.dataclass(frozen=True)
class Machine:
    """A namespace: its name, our end of the cable and its own."""

    name: str
    cable: str
    ours: str
    its: str

    @property
    def prefix(self):
        """Before a command that is to run there; it execs."""
        return ["ip", "netns", "exec", self.name]

    def make(self):
        """The namespace and the cable."""
        ip("netns", "add", self.name)
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("address", "add", f"{self.ours}/30", "dev", self.cable)
        ip("link", "set", self.cable, "up")
        for words in (("address", "add", f"{self.its}/30", "dev", "eth0"), ("link", "set", "eth0", "up"),
                      ("link", "set", "lo", "up")):
            ip("-n", self.name, *words)

    def remove(self):
        """Both; the cable goes with either end."""
        for words in (("link", "delete", self.cable), ("netns", "delete", self.name)):
            with contextlib.suppress(subprocess.CalledProcessError):
                ip(*words)


class Namespaces(list):
    """So many Machines, while it is open."""

    def __init__(self, count):
        # Names and addresses by our pid, so that tests can run beside each other: a /28 of four cables.
        pid = os.getpid()
        network = f"{NETWORK}.{pid // 16 % 256}."
        first = pid % 16 * 16
        super().__init__(
            Machine(f"sh-{pid}-{i}", f"sh{pid}.{i}", f"{network}{first + 4 * i + 1}",
                    f"{network}{first + 4 * i + 2}") for i in range(count))

    def __enter__(self):
        for machine in self:
            machine.remove()  # of one with our pid that was killed
            machine.make()
        return self

    def __exit__(self, *_):
        for machine in self:
            machine.remove()
