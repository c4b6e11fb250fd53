"""Runs test modules on programs that were built with sanitizers; any report of any process fails.

    python3 -m tests.support.sanitized --programs sockherd,sockherd-worker --bin build/asan/bin \\
        --rest build/dev/bin tests.integration.test_reload ...

The named programs are those of --bin, all others those of --rest: what no sanitizer has to look at is
not built again.

A worker that a sanitizer ends is respawned, a supervisor is restarted, and a leak is found when all is
over: the tests would often pass. So each process writes its reports to a file (log_path), and there
must be none. Processes that are killed say nothing about leaks; those that drain and stop do.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# A process that reports ends at once, so that no test goes on with what is broken.
COMMON = "halt_on_error=1:exitcode=66:log_exe_name=1"
OPTIONS = {
    "ASAN_OPTIONS": f"{COMMON}:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:"
                    "check_initialization_order=1",
    "UBSAN_OPTIONS": f"{COMMON}:print_stacktrace=1",
    "TSAN_OPTIONS": f"{COMMON}:second_deadlock_stack=1:history_size=4",
}


# What LeakSanitizer says when a thread it has found ends before it can be looked at. That is a remark
# about itself: a leak would follow with a report of its own.
REMARK = re.compile(r"^==\S+==\d+==Unable to get registers from thread \d+\.\n", re.MULTILINE)


def reports(folder):
    """{file name: text} of what the sanitizers have said."""
    texts = {path.name: path.read_text(errors="replace") for path in sorted(folder.iterdir())}
    return {name: text for name, text in texts.items() if REMARK.sub("", text).strip()}


def gather(folder, options):
    """A directory of programs in which each finds the others beside itself: hard links, since a
    symbolic one would lead back to where it points."""
    ours = options.programs.split(",")
    for path in options.rest.iterdir():
        source = options.bin / path.name if path.name in ours else path
        try:
            os.link(source, folder / path.name)
        except OSError:  # another file system
            shutil.copy2(source, folder / path.name)


def main():
    """The status of the tests, or 1 where there are reports."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--programs", required=True)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--rest", type=pathlib.Path, required=True)
    options, modules = parser.parse_known_args()
    with (tempfile.TemporaryDirectory(prefix="sh-san-", dir="/tmp") as name,
          tempfile.TemporaryDirectory(prefix="bin-", dir=options.bin.parent) as programs):
        folder = pathlib.Path(name)
        folder.chmod(0o1777)  # the admin process is nobody
        os.chmod(programs, 0o755)
        gather(pathlib.Path(programs), options)
        environment = {**os.environ, "SOCKHERD_BIN_DIR": programs}
        for variable, settings in OPTIONS.items():
            environment[variable] = f"{settings}:log_path={folder}/report"
        status = subprocess.run([sys.executable, "-m", "unittest", "-v", *modules],
                                env=environment, check=False).returncode
        found = reports(folder)
    for file, text in found.items():
        print(f"---- {file}\n{text[:6000]}", file=sys.stderr)
    if found:
        print(f"{len(found)} reports of sanitizers, see above", file=sys.stderr)
    return 1 if found else status


if __name__ == "__main__":
    sys.exit(main())
