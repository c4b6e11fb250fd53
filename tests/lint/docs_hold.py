#!/usr/bin/env python3
"""Fail when a page of ours leads nowhere or shows what does not work.

Usage: docs_hold.py DIRECTORY-OF-PROGRAMS

In every Markdown file of the tree: each relative link ends at a file, and at a heading of it where it names one;
each ```toml block is a configuration that sockherdctl check accepts. A block that is only a part of one is
written ```toml part, and must be TOML. A block ```yaml prometheus has rules that promtool accepts. Metrics, files
and commands of ours that are named exist; each document and each decision is in its index.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^ *```(.*?)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def pages():
    """The Markdown files that are kept."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, text=True,
                            capture_output=True, check=False)
    if listed.returncode == 0:
        return sorted(ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists())
    return sorted(path for path in ROOT.rglob("*.md") if not path.relative_to(ROOT).parts[0] == "build")


def anchors(path):
    """The names that the headings of a page have as targets of links."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def broken_links(path):
    """What a reader cannot follow."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if not there.exists():
            yield f"{path.relative_to(ROOT)}: the link {target} leads nowhere"
        elif anchor and there.suffix == ".md" and anchor not in anchors(there):
            yield f"{path.relative_to(ROOT)}: {target}: there is no such heading"


def kept_files():
    """Files and folders of ours, by all ends of their paths: a page may say `listeners.h` or `supervisor/listeners.h`."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True,
                            capture_output=True, check=False)
    names = listed.stdout.splitlines() if listed.returncode == 0 else \
        [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*")]
    ends = set()
    for name in names:
        parts = name.removesuffix(".in").split("/")
        ends |= {"/".join(parts[first:last]) for last in range(1, len(parts) + 1) for first in range(last)}
    return ends


def missing_files(path, files):
    """Sources of ours that a page names in `quotes`, and paths below a folder of ours, that do not exist. A decision
    may go by its number."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    for name in sorted(set(re.findall(r"`([\w.+-]+(?:/[\w.+-]+)*)`", text))):
        first, slash, _ = name.partition("/")
        is_ours = name.endswith((".h", ".cc")) or (slash and first not in (".", "build") and (ROOT / first).is_dir())
        is_decision = re.fullmatch(r"docs/adr/\d{4}", name) and any((ROOT / "docs/adr").glob(f"{name[-4:]}-*"))
        if is_ours and name not in files and not is_decision:
            yield f"{path.relative_to(ROOT)}: there is no file {name}"


def unlisted():
    """Documents and decisions that their index does not lead to, and decisions that are headed otherwise."""
    for folder in (ROOT / "docs", ROOT / "docs/adr"):
        index = (folder / "README.md").read_text(encoding="utf-8")
        for path in sorted(folder.glob("*.md")):
            if path.name != "README.md" and path.name not in index:
                yield f"{folder.relative_to(ROOT)}/README.md: {path.name} is not in the index"
    for path in sorted((ROOT / "docs/adr").glob("0*.md")):
        if not path.read_text(encoding="utf-8").startswith(f"# {int(path.name[:4])}. "):
            yield f"docs/adr/{path.name}: begins with \"# {int(path.name[:4])}. \""


def blocks(path, language):
    """(number of the line, the rest of the fence, text) of each block in that language."""
    text = path.read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        first, *rest = fence[1].split() or [""]
        if first == language:
            yield text.count("\n", 0, fence.start()) + 1, rest, fence[2]


def bad_configurations(path, ctl):
    """Blocks that sockherd would not take."""
    for line, rest, text in blocks(path, "toml"):
        where = f"{path.relative_to(ROOT)}:{line}"
        if rest == ["part"]:
            try:
                tomllib.loads(text)
            except tomllib.TOMLDecodeError as error:
                yield f"{where}: {error}"
            continue
        if rest:
            yield f"{where}: what is {rest} to say?"
        checked = subprocess.run([ctl, "check", "-"], input=text, text=True, capture_output=True, timeout=30,
                                 check=False)
        if checked.returncode != 0:
            yield f"{where}: {(checked.stdout + checked.stderr).strip()}"


def bad_rules(path):
    """Alerts that Prometheus would not take."""
    for line, rest, text in blocks(path, "yaml"):
        if rest != ["prometheus"]:
            continue
        if shutil.which("promtool") is None:
            yield f"{path.relative_to(ROOT)}:{line}: promtool is missing: apt install prometheus"
            return
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            checked = subprocess.run(["promtool", "check", "rules", file.name], text=True, capture_output=True,
                                     timeout=30, check=False)
        if checked.returncode != 0:
            yield f"{path.relative_to(ROOT)}:{line}: {(checked.stdout + checked.stderr).strip()}"


def unknown_metrics(path, metrics):
    """Metrics that nobody exports. A name that ends with a line under it stands for all that begin so."""
    for name in sorted(set(re.findall(r"\bsockherd_[a-z0-9_]+", path.read_text(encoding="utf-8")))):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        begins = any(metric.startswith(name) for metric in metrics) and name.endswith("_")
        if not begins and not {name, base} & metrics:
            yield f"{path.relative_to(ROOT)}: there is no metric {name}"


def known_flags(ctl):
    """The flags that each verb of sockherdctl takes."""
    everywhere = set(re.findall(r"--[a-z-]+", subprocess.run([ctl, "--help"], text=True, capture_output=True,
                                                             timeout=30, check=True).stdout))
    listed = subprocess.run([ctl, "verbs", "--json"], text=True, capture_output=True, timeout=30, check=True).stdout
    return {verb["name"]: everywhere | set(verb["flags"]) for verb in json.loads(listed)["verbs"]}


def unknown_commands(path, verbs):
    """Verbs and flags of sockherdctl, and verbs of ./dev, that do not exist, where a page has them in `quotes` or in a
    block."""
    text = path.read_text(encoding="utf-8")
    quoted = re.findall(r"`([^`]+)`", FENCE.sub("", text)) + [fence[2] for fence in FENCE.finditer(text)]
    for line in (line for part in quoted for line in part.replace("\\\n", " ").split("\n")):
        for said in re.findall(r"(?:^|[\s/])sockherdctl ([^#|&;]+)", line):
            words = re.sub(r"--(?:instance|socket|timeout) \S+ *", "", said).split()
            name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in verbs), None)
            if name is None and re.fullmatch(r"[a-z]+", words[0] if words else ""):
                if not any(verb.startswith(words[0] + " ") for verb in verbs) or len(words) > 1:
                    yield f"{path.relative_to(ROOT)}: sockherdctl has no verb {words[0]}"
            for flag in re.findall(r"(?<!\S)--[a-z-]+", said) if name else []:
                if flag not in verbs[name]:
                    yield f"{path.relative_to(ROOT)}: sockherdctl {name} has no {flag}"
        for verb in re.findall(r"\./dev ([a-z]+)", line):
            if not re.search(rf"^{verb}\(\) ", (ROOT / "dev").read_text(encoding="utf-8"), re.MULTILINE):
                yield f"{path.relative_to(ROOT)}: there is no ./dev {verb}"


def faults(directory):
    """All of them."""
    verbs = known_flags(str(directory / "sockherdctl"))
    listed = subprocess.run([directory / "sockherd-admin", "--list-metrics"], text=True, capture_output=True,
                            timeout=30, check=True).stdout
    metrics = {row.split("\t")[0] for row in listed.splitlines()}
    files = kept_files()
    yield from unlisted()
    for path in pages():
        yield from missing_files(path, files)
        yield from unknown_commands(path, verbs)
        yield from unknown_metrics(path, metrics)
        yield from broken_links(path)
        yield from bad_rules(path)
        yield from bad_configurations(path, str(directory / "sockherdctl"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(faults(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "docs hold: ok")
    sys.exit(bool(found))
