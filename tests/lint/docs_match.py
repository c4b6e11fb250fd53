#!/usr/bin/env python3
"""Fail when the manual and the programs disagree.

Usage: docs_match.py DIRECTORY-OF-PROGRAMS

The programs list their own tables, so a new option, verb or exit code without an entry in its page
fails, as does an entry for one that is gone. Help texts go to standard output, in 80 columns, and
are the same for -h and --help. The pages are free of warnings where man(1) is there to tell.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import roff  # noqa: E402  pylint: disable=wrong-import-position

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAN = ROOT / "man"
COMPLETIONS = ROOT / "packaging/completions"
sys.path.insert(0, str(COMPLETIONS))
from generate import generate  # noqa: E402
PROGRAMS = ["sockherd", "sockherdctl"]  # those that people start


def run(*command):
    return subprocess.run(command, text=True, capture_output=True, timeout=30, check=False)


def page(name):
    """The text of a page without the escapes that matter to roff only."""
    text = (MAN / name).read_text()
    return text.replace(r"\(dq", '"').replace(r"\-", "-").replace(r"\(aq", "'")


def entries(text):
    """The heading lines behind .TP, without fonts."""
    for heading in re.findall(r"^\.TP.*\n(.*)$", text, re.MULTILINE):
        yield re.sub(r"^\.[BI]+ |\\f.|\"", "", heading) if heading.startswith(".") \
            else re.sub(r"\\f.", "", heading)


def compare(what, listed, documented):
    for name in sorted(listed - documented):
        yield f"{what}: {name} has no entry"
    for name in sorted(documented - listed):
        yield f"{what}: the entry {name} has nothing behind it"


def facts(option):
    """What stands below the heading of an option: its type, bounds and unit, or what there is to choose from."""
    text = option["type"]
    if option["bounds"]:
        text += f", {option['bounds']}"
    if option["unit"]:
        text += f" {option['unit']}"
    if option["choices"]:
        text += f": {option['choices']}"
    if option["command_default"]:
        text += f"; for a command the default is {option['command_default']}"
    return text


def check_options(ctl):
    """sockherd.toml(5) has "name = default" for each option, below the heading of its section; then its facts, and
    what --help, the sample file and messages say of it, in the same words. Each type is explained."""
    rows = json.loads(run(ctl, "options", "--json").stdout)["options"]
    listed = {(row["heading"] if row["section"] != "routes" else "Routes",
               f"{row['name']} = {row['default']}"): row for row in rows}
    documented = {}
    for heading, lines in roff.sections((MAN / "sockherd.toml.5").read_text(), "SS").items():
        ends = [number for number, line in enumerate(lines) if line.startswith(".SH ")] + [len(lines)]
        heading = heading.split(":")[0]  # [pool.NAME] comes in parts
        documented |= {(heading, entry): text for entry, text in roff.entries(lines[:ends[0]])
                       if " = " in entry}
    yield from compare("sockherd.toml.5", {" ".join(key) for key in listed},
                       {" ".join(key) for key in documented})
    for key in listed.keys() & documented.keys():
        where = f"sockherd.toml.5: {key[0]} {listed[key]['name']}"
        if roff.words(documented[key][0]) != facts(listed[key]) or documented[key][1] != ".br":
            yield f"{where}: the line below must be \".I {facts(listed[key])}\", then .br"
        elif not roff.first_paragraph(documented[key][2:]).startswith(listed[key]["help"]):
            yield f"{where}: must begin with the words of the option table: {listed[key]['help']}"
    text = roff.sections((MAN / "sockherd.toml.5").read_text(), "SS")["Values"]
    yield from compare("sockherd.toml.5, Values", {row["type"] for row in rows},
                       {name for heading, _ in roff.entries(text) for name in heading.split("; ")})


def check_verbs(ctl):
    """sockherdctl(1) has each verb with its arguments and flags."""
    verbs = json.loads(run(ctl, "verbs", "--json").stdout)["verbs"]
    text = page("sockherdctl.1").split("\n.SH VERBS")[1].split("\n.SH ")[0]
    documented = list(entries(text))
    said = {heading: roff.first_paragraph(lines) for heading, lines in roff.entries(
        roff.sections((MAN / "sockherdctl.1").read_text())["VERBS"])}
    for verb in verbs:
        entry = next((e for e in documented if re.match(rf"{verb['name']}( [^a-z]|$)", e)), None)
        if entry is None:
            yield f"sockherdctl.1: {verb['name']} has no entry"
            continue
        documented.remove(entry)
        for word in [a["name"] for a in verb["arguments"]] + verb["flags"]:
            if word not in entry:
                yield f"sockherdctl.1: {verb['name']}: {word} is missing"
        if not said[entry].startswith(verb["help"].rstrip(".")):
            yield f"sockherdctl.1: {verb['name']} must begin with the words of --help: {verb['help']}"
    for entry in documented:
        yield f"sockherdctl.1: the entry {entry} has nothing behind it"


def check_exit_codes(ctl):
    """sockherdctl(1) has the exit codes of --help, in the same words."""
    listed = set(re.findall(r"^  (\d+)  +(.*)$", run(ctl, "--help").stdout, re.MULTILINE))
    text = page("sockherdctl.1").split("\n.SH EXIT STATUS")[1].split("\n.SH ")[0]
    documented = set(re.findall(r"^\.TP\n\.B (\d+)\n(.*)$", text, re.MULTILINE))
    yield from compare("sockherdctl.1", {" ".join(c) for c in listed},
                       {" ".join(c) for c in documented})


def check_events():
    """sockherdctl(1) has the events of the one table, in its words."""
    table = (ROOT / "daemon/supervisor/event_table.cc").read_text()
    listed = set(re.findall(r'EventInfo\{"([^"]+)",\s*\w+,\s*"([^"]+)"', table))
    text = page("sockherdctl.1").split("\n.SH EVENTS")[1].split("\n.SH ")[0]
    documented = set(re.findall(r"^\.TP\n\.B (\S+)\n(.*)$", text, re.MULTILINE))
    yield from compare("sockherdctl.1", {" ".join(e) for e in listed},
                       {" ".join(e) for e in documented})


def check_troubleshooting():
    """docs/troubleshooting.md has each warning and error that any program logs, and nothing that none does."""
    code = "".join(path.read_text() for folder in ("daemon", "admin")
                   for path in sorted((ROOT / folder).rglob("*.cc")))
    urgent = set(re.findall(r'log::(?:warn|error)\(\s*"([a-z-]+)"', code))
    urgent |= set(re.findall(r'\bfail\("(admin-[a-z-]+)"', code))
    urgent |= set(re.findall(r'EventInfo\{"([^"]+)",\s*(?:Warning|Error)\b', code))
    text = (ROOT / "docs/troubleshooting.md").read_text()
    documented = re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)
    for name in sorted(urgent - set(documented)):
        yield f"docs/troubleshooting.md: {name} has no row"
    for name in documented:
        if f'"{name}"' not in code:
            yield f"docs/troubleshooting.md: nothing says {name}"
        if documented.count(name) > 1:
            yield f"docs/troubleshooting.md: {name} has two rows"


def check_catalog():
    """The catalog of the journal has the events of the one table, by number and in its words."""
    table = (ROOT / "daemon/supervisor/event_table.cc").read_text()
    listed = set(re.findall(r'EventInfo\{"([^"]+)",\s*\w+,\s*"([^"]+)\.",\s*"([0-9a-f]{32})"', table))
    if len(listed) != table.count("EventInfo{"):
        yield "event_table.cc: an event without name, level, help or number"
    text = (ROOT / "packaging/catalog/sockherd.catalog").read_text()
    entries_ = re.findall(r"^# (\S+)\n-- ([0-9a-f]{32})\nSubject: (.*)\n((?:\S+: .*\n)+)\n((?:[^#\n-].*\n|\n)+)",
                          text, re.MULTILINE)
    yield from compare("sockherd.catalog", {" ".join(e) for e in listed},
                       {f"{name} {subject} {number}" for name, number, subject, _, _ in entries_})
    if len(entries_) != text.count("\n-- "):
        yield "sockherd.catalog: an entry without a name, a subject or a text"
    for name, _, _, _, body in entries_:
        if len(body.strip().split("\n\n")) < 2:
            yield f"sockherd.catalog: {name} must say what it means and what to do"
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root, "usr/lib/systemd/catalog")
        folder.mkdir(parents=True)
        pathlib.Path(root, "var/lib/systemd/catalog").mkdir(parents=True)
        shutil.copy(ROOT / "packaging/catalog/sockherd.catalog", folder)
        done = run("journalctl", f"--root={root}", "--update-catalog")
        known = run("journalctl", f"--root={root}", "--list-catalog").stdout
        if done.returncode != 0 or done.stderr or known.count(" sockherd: ") != len(listed):
            yield f"sockherd.catalog: journalctl does not take it: {done}\n{known}"


def check_admin(admin):
    """sockherd-admin(8) has the endpoints, sockherd-metrics(7) the metrics, in the words of their tables."""
    for option, name, section, key in (
            ("--list-endpoints", "sockherd-admin.8", "ENDPOINTS", lambda row: f"{row[0]} {row[1]}"),
            ("--list-metrics", "sockherd-metrics.7", "METRICS", lambda row: row[0])):
        rows = [line.split("\t") for line in run(admin, option).stdout.splitlines()]
        text = page(name).split(f"\n.SH {section}")[1].split("\n.SH ")[0]
        documented = set(re.findall(r"^\.TP\n\.B (.*)\n(.*)$", text, re.MULTILINE))
        yield from compare(name, {f"{key(row)}: {row[-1]}" for row in rows},
                           {": ".join(entry) for entry in documented})


def check_flags(program, name):
    """Each option of --help stands in the page, and each of the page in --help."""
    listed = set(re.findall(r"--[a-z-]+", run(program, "--help").stdout.split("\nOptions:")[-1]))
    text = page(name)
    documented = set(re.findall(r"--[a-z-]+", "\n".join(entries(text.split("\n.SH OPTIONS")[1]
                                                                 .split("\n.SH ")[0]))))
    yield from compare(name, listed, documented)


def check_help(program):
    """-h and --help are the same, on standard output, in 80 columns, without an error."""
    short, long = run(program, "-h"), run(program, "--help")
    name = pathlib.Path(program).name
    if short.stdout != long.stdout:
        yield f"{name}: -h differs from --help"
    for done in (short, long):
        if done.returncode != 0 or done.stderr or not done.stdout:
            yield f"{name}: help must go to standard output and succeed: {done}"
    for line in long.stdout.splitlines():
        if len(line) > 80:
            yield f"{name}: help is wider than 80 columns: {line}"


def check_examples(ctl):
    """Each configuration that a page shows is one that is accepted."""
    for path in sorted(MAN.glob("*.[1-8]")):
        for block in re.findall(r"^\.EX\n(\[.*?)^\.EE$", path.read_text(), re.MULTILINE | re.DOTALL):
            done = subprocess.run([ctl, "check", "-"], input=roff.unescape(block), text=True, capture_output=True,
                                  timeout=30, check=False)
            if done.returncode != 0:
                yield f"{path.name}: {(done.stdout + done.stderr).strip()}"


PROGRAM = ["SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"]
PAGES = {  # the sections that whoever opens a page will look for
    "sockherd.8": [*PROGRAM, "SIGNALS"],
    "sockherd-admin.8": [*PROGRAM, "ENDPOINTS"],
    "sockherdctl.1": [*PROGRAM, "VERBS", "EVENTS"],
    "sockherd.toml.5": ["SYNOPSIS", "SECTIONS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"],
    "sockherd-metrics.7": ["METRICS", "EXAMPLES", "SEE ALSO"],
    "sockherd-worker.7": ["MESSAGES", "ENVIRONMENT", "EXAMPLES", "SEE ALSO"],
}


def check_pages():
    """Each page has the sections of its kind, is installed, and names pages of ours that exist."""
    present = {path.name for path in MAN.iterdir() if re.fullmatch(r"\.[1-8]", path.suffix)}
    yield from compare("man", present, set(PAGES))
    installed = (MAN / "CMakeLists.txt").read_text()
    for name in sorted(present & set(PAGES)):
        found = roff.sections((MAN / name).read_text())
        for section in [s for s in PAGES[name] if s not in found]:
            yield f"{name}: the section {section} is missing"
        if not re.search(rf"(?<!\S){re.escape(name)}(?!\S)", installed):
            yield f"{name}: is not installed"
        for other, number in re.findall(r"^\.BR (sockherd\S*) \((\d)\)", page(name), re.MULTILINE):
            if f"{other}.{number}" not in present:
                yield f"{name}: there is no {other}({number})"


def check_daemon_exit_codes(program):
    """sockherd(8) has the exit statuses of --help."""
    line = re.search(r"^Exit status: (.*)\.$", run(program, "--help").stdout, re.MULTILINE)[1]
    documented = {words for words, _ in roff.entries(
        roff.sections((MAN / "sockherd.8").read_text())["EXIT STATUS"])}
    yield from compare("sockherd.8, exit status", {code.split()[0] for code in line.split(", ")}, documented)


def check_roff():
    if shutil.which("man") is None:
        return
    for path in sorted(p for p in MAN.iterdir() if re.fullmatch(r"\.[1-8]", p.suffix)):
        done = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(path))
        if done.returncode != 0 or done.stderr:
            yield f"{path.name}: {done.stderr.strip() or done.returncode}"


def check_completion(ctl):
    """The completions know each verb and flag."""
    text = (ROOT / "packaging/completions/sockherdctl.bash").read_text()
    for verb in json.loads(run(ctl, "verbs", "--json").stdout)["verbs"]:
        for word in verb["name"].split() + verb["flags"]:
            if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text):
                yield f"sockherdctl.bash: {word} is missing"
    for name, content in generate(pathlib.Path(ctl).parent).items():
        if (COMPLETIONS / name).read_text() != content:
            yield (f"{name} is not what the verb table makes of it: run packaging/completions/generate.py "
                   f"{pathlib.Path(ctl).parent}")


def faults(directory):
    ctl = str(directory / "sockherdctl")
    yield from check_options(ctl)
    yield from check_examples(ctl)
    yield from check_verbs(ctl)
    yield from check_exit_codes(ctl)
    yield from check_events()
    yield from check_troubleshooting()


    yield from check_catalog()
    yield from check_flags(ctl, "sockherdctl.1")
    yield from check_completion(ctl)
    if (directory / "sockherd").exists():
        yield from check_flags(str(directory / "sockherd"), "sockherd.8")
        yield from check_daemon_exit_codes(str(directory / "sockherd"))
    if (directory / "sockherd-admin").exists():
        yield from check_admin(str(directory / "sockherd-admin"))
        yield from check_flags(str(directory / "sockherd-admin"), "sockherd-admin.8")
    for name in PROGRAMS:
        if (directory / name).exists():
            yield from check_help(str(directory / name))
    yield from check_pages()
    yield from check_roff()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(faults(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "docs match: ok")
    sys.exit(bool(found))
