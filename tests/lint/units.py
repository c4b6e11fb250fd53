#!/usr/bin/env python3
"""Fail when a unit or a drop-in is not understood by systemd, or leaves a service more than its profile says.

Usage: units.py BUILD-DIRECTORY

Asks `systemd-analyze security --offline=true --threshold=` and `systemd-analyze verify`, with the units of this build
and the drop-ins of units/examples, and with what `sockherdctl unit` prints; needs no root and no running systemd. Prints the score of each profile.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "units/examples"
SERVICES = ("sockherd.service", "sockherd@shop.service")
# Profile: its drop-ins in their order, and the most that systemd-analyze security may say of it, in tenths.
PROFILES = {
    "default": ([], 17),
    "capability-free": (["capability-free"], 11),
    "sealed": (["capability-free", "sealed"], 2),
    "capability-free with eBPF": (["capability-free", "bpf"], 15),
    "default with JIT programs": (["jit"], 18),
    "default with users": (["users"], 23),
    "default with pinning": (["pin"], 19),
    "default with homes": (["home"], 18),
    "default with its own control groups": (["delegate"], 19),
    "local only": (["local-only"], 16),
}
NEWER = {"notify-reload": 253}  # drop-ins that an older systemd does not understand
# How a system test takes an example: ProfileCase.use("jit", ...), or its path.
BOOTED = re.compile(r'self\.use\(([^)]*)\)|EXAMPLES(?:\.joinpath\(| / )("[^"]*")')
SETTING_OF_254 = "Unknown key 'DelegateSubgroup'"


def run(*command, unit_path=""):
    """A command that looks for units there and, before the system's own, in unit_path."""
    environment = {**os.environ, **({"SYSTEMD_UNIT_PATH": f"{unit_path}:"} if unit_path else {})}
    return subprocess.run(command, text=True, capture_output=True, check=False, timeout=60, env=environment)


def systemd_version():
    return int(re.search(r"systemd (\d+)", run("systemd-analyze", "--version").stdout)[1])


def lay_out(build, target):
    """The units as they are installed, with programs that are there."""
    for source in [*(ROOT / "units").glob("*.socket"), *(build / "units").glob("*.service")]:
        text = re.sub(r"(?m)^(Exec\w+=)\S*/(\w+)", lambda m: f"{m[1]}{build}/bin/{m[2]}", source.read_text())
        (target / source.name.replace("@.", "@shop.")).write_text(text.replace("%i", "shop"))


def apply(drop_ins, target):
    """Exactly these."""
    for service in SERVICES:
        folder = target / f"{service}.d"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for number, name in enumerate(drop_ins):
            shutil.copy(EXAMPLES / f"{name}.conf", folder / f"{number}-{name}.conf")


def score(target, service, most):
    """What it says at the end, and whether that is too much."""
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={most}",
               str(target / service), unit_path=target)
    found = re.search(r"Overall exposure level for \S+: (\S+)", done.stdout)
    return (found[1] if found else done.stderr.strip()), done.returncode != 0


def misunderstood(target, service):
    """What systemd has to say of a unit."""
    sockets = [str(path) for path in sorted(target.glob("*.socket")) if ("@" in path.name) == ("@" in service)]
    done = run("systemd-analyze", "verify", "--man=no", str(target / service), *sockets, unit_path=target)
    ours = [line for line in done.stderr.splitlines() if str(target) in line or "sockherd" in line]
    return [line for line in ours if SETTING_OF_254 not in line]


WISHES = (  # what `sockherdctl unit` is asked for
    "--address 443 --slots 8 --drop-in",
    "--address [::]:443 --slots 2 --drop-in --instance shop",
    "--address 192.0.2.1:443 --listener tls --slots 3",
    "--address 127.0.0.1:8081 --listener api --instance shop",
    "--address unix:/run/sockherd/%x.sock --listener behind",
)


def printed(build, target):
    """What systemd has to say of the units that sockherdctl prints, each beside the services."""
    for wish in WISHES:
        unit = json.loads(run(str(build / "bin/sockherdctl"), "unit", "--json", *wish.split()).stdout)
        path = target / unit["path"].removeprefix("/etc/systemd/system/")
        path.parent.mkdir(exist_ok=True)
        path.write_text(unit["text"])
        service = "sockherd@shop.service" if "--instance" in wish else "sockherd.service"
        yield from (f"sockherdctl unit {wish}: {line}" for line in misunderstood(target, service))
        if path.parent != target:
            shutil.rmtree(path.parent)


def booted():
    """The examples that a system test boots."""
    texts = [path.read_text() for path in (ROOT / "tests/system").glob("*.py")]
    arguments = " ".join("".join(found) for text in texts for found in BOOTED.findall(text))
    return {name.removesuffix(".conf") for name in re.findall(r'"([\w.-]+)"', arguments)}


def neglected():
    """Each example is measured here, booted by a system test, and in the document."""
    measured = {name for drop_ins, _ in PROFILES.values() for name in drop_ins} | set(NEWER)
    document = (ROOT / "docs/units.md").read_text()
    for name in sorted(path.stem for path in EXAMPLES.glob("*.conf")):
        if name not in measured:
            yield f"{name}.conf is in no profile"
        if name not in booted():
            yield f"{name}.conf is booted by no test in tests/system"
        if f"](../units/examples/{name}.conf)" not in document:
            yield f"{name}.conf is not in docs/units.md"


def faults(build, target):
    lay_out(build, target)
    for profile, (drop_ins, most) in PROFILES.items():
        apply(drop_ins, target)
        for service in SERVICES:
            said, is_too_much = score(target, service, most)
            print(f"{service:24} {profile:36} {said:>4} of {most / 10}")
            if is_too_much:
                yield f"{service}: {profile}: {said} is more than {most / 10}"
            yield from (f"{service}: {profile}: {line}" for line in misunderstood(target, service))
    apply([], target)
    yield from printed(build, target)
    yield from neglected()
    for name, since in NEWER.items():
        apply([name], target)
        found = [line for service in SERVICES for line in misunderstood(target, service)]
        if bool(found) == (systemd_version() >= since):
            yield f"{name}.conf: systemd {systemd_version()} says {found}"


def main():
    with tempfile.TemporaryDirectory(prefix="sockherd-units-") as target:
        found = list(faults(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(target)))
    print("\n".join(found) or "units: ok")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
