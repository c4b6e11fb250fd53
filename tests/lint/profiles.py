#!/usr/bin/env python3
"""Fail when a file for somebody else's daemon is none that it takes.

Usage: profiles.py BUILD-DIRECTORY

AppArmor's own parser reads the profile that is installed (no kernel takes part); the D-Bus policy and
the polkit actions are well-formed and name what the programs name.
"""
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
PROFILES = {"sockherd", "sockherd-worker", "sockherd-admin"}


def check_apparmor(build):
    """apparmor_parser compiles it, and it has a profile for each of our daemons."""
    path = build / "packaging/apparmor/usr.sbin.sockherd"
    parser = ["/usr/sbin/apparmor_parser", "--skip-kernel-load", "--skip-read-cache", "--skip-bad-cache"]
    done = subprocess.run([*parser, str(path)], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        yield f"{path.name}: {done.stderr}"
    named = set(subprocess.run([*parser, "--names", str(path)], text=True, capture_output=True,
                               check=False).stdout.split())
    if named != PROFILES:
        yield f"{path.name}: has {sorted(named)}"
    if path.read_text().count("include if exists <local/usr.sbin.sockherd>") != len(PROFILES):
        yield f"{path.name}: a profile does not include local/usr.sbin.sockherd"


def check_actions():
    """Polkit has each action that the supervisor asks about, and no other; each may be asked by its user."""
    text = (ROOT / "daemon/bus/interface.h").read_text()
    asked = set(re.findall(r'kAction\w+\[\] = "([^"]+)"', text))
    actions = xml.etree.ElementTree.parse(PACKAGING / "polkit/io.sockherd.Sockherd1.policy").findall("action")
    if asked != {action.get("id") for action in actions}:
        yield f"io.sockherd.Sockherd1.policy: its actions are not {sorted(asked)}"
    for action in actions:
        owner = [one.text for one in action.findall("annotate")
                 if one.get("key") == "org.freedesktop.policykit.owner"]
        if owner != ["unix-user:sockherd"]:
            yield f"io.sockherd.Sockherd1.policy: {action.get('id')} has the owner {owner}"
        if action.findtext("defaults/allow_active") != "auth_admin_keep":
            yield f"io.sockherd.Sockherd1.policy: {action.get('id')} is open to more than administrators"


def check_bus_policy():
    """Only root and the user of the service may own the name; each rule is about that name."""
    name = re.search(r'kName\[\] = "([^"]+)"', (ROOT / "daemon/bus/interface.h").read_text()).group(1)
    policy = PACKAGING / f"dbus/{name}.conf"
    if not policy.exists():
        yield f"there is no {policy.relative_to(ROOT)}"
        return
    owners = set()
    for rules in xml.etree.ElementTree.parse(policy).findall("policy"):
        for rule in rules:
            if rule.get("own") == name:
                owners.add(rules.get("user"))
            if name not in (rule.get("own"), rule.get("send_destination")):
                yield f"{policy.name}: a rule about others: {rule.attrib}"
    if owners != {"root", "sockherd"}:
        yield f"{policy.name}: {owners} may own {name}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = [*check_apparmor(pathlib.Path(sys.argv[1])), *check_actions(), *check_bus_policy()]
    print("\n".join(found) or "profiles: ok")
    sys.exit(bool(found))
