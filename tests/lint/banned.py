#!/usr/bin/env python3
"""Fail on words that the house does without. Each row says where, what, and what to use instead."""
import pathlib
import re
import sys

CODE = ("daemon", "admin")
RULES = [  # (folders, pattern, remedy, files that are the exception and say why)
    (CODE, r"\b(?:sleep|usleep|nanosleep|sleep_for|sleep_until)\s*\(", "a timer of the loop", ()),
    (CODE, r"\bpoll\s*\(\s*(?:nullptr|NULL)\b", "a timer of the loop", ("daemon/supervisor/control_server.cc",)),
    (CODE, r"\bstd::(?:stoi|stol|stoul|stoll|stod)\b", "daemon/base/parse.h", ()),
    (CODE, r"\busing namespace std;", "names in full", ()),
    (CODE, r"\bsystem\s*\(|\bpopen\s*\(", "sys/spawn.h", ()),
    (CODE, r"(?<![\w:.>])fork\s*\(|::fork\s*\(", "sys/spawn.h", ("daemon/sys/spawn.cc", "daemon/sys/spawn.h")),
    (CODE, r"(?<![\w.>])::?close\s*\(\s*\w+\s*\)", "UniqueFd", ("daemon/base/unique_fd.h",)),
    (CODE, r"\bshutdown\s*\(\s*listen", "never: all holders share the socket", ()),
    (CODE, r"\bstd::(?:cout|cerr|endl)\b", "the log, or stdio in a main", ()),
    (CODE, r"\bTODO\b(?! ?\(#\d+\))", "an issue number: TODO(#12)", ()),
    (("tests/integration", "tests/system"), r"\btime\.sleep\s*\(", "wait.until", ()),
]
SUFFIXES = {".h", ".cc", ".py"}


def findings(root):
    for folders, pattern, remedy, exceptions in RULES:
        regex = re.compile(pattern)
        for file in sorted(f for top in folders for f in (root / top).rglob("*") if f.suffix in SUFFIXES):
            name = file.relative_to(root).as_posix()
            if name in exceptions:
                continue
            for number, line in enumerate(file.read_text().splitlines(), 1):
                code = line.split("//")[0] if file.suffix != ".py" else line
                if regex.search(code):
                    yield f"{name}:{number}: {code.strip()}: use {remedy}"


if __name__ == "__main__":
    found = list(findings(pathlib.Path(__file__).resolve().parents[2]))
    print("\n".join(found) or "banned: ok")
    sys.exit(bool(found))
