"""Boots a tree with systemd-nspawn, runs one command in it as a service, and brings its result out."""
import pathlib
import shutil
import signal
import subprocess

from tests.support.paths import ROOT

HOME = "opt/sockherd-test"  # in the tree: our tests, the hammer, and what they leave behind
BOOT_SECONDS = 600
TEST_UNIT = "sockherd-test.service"

UNIT = """\
[Unit]
Description=The system test of sockherd
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force

[Service]
Type=oneshot
WorkingDirectory=/{home}
Environment=PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 SOCKHERD_BIN_DIR=/{home}/bin {environment}
ExecStart=/bin/sh -c '{command}; echo $? >/{home}/status'
StandardOutput=file:/{home}/output
StandardError=inherit
TimeoutStartSec=infinity
"""


class ContainerError(Exception):
    """The container did not get as far as the result of the test."""


def run_in(tree, command, check=True):
    """Runs a command in the tree without booting it (for systemd-sysusers and the like)."""
    return subprocess.run(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
                           "--private-network", "--pipe", "-D", str(tree), *command],
                          check=check, text=True, capture_output=True)


def install_package(tree, package):
    """With apt, as everybody does, but where no systemd runs. What it depends on has to be there already:
    apt has no network in here, and says what is missing."""
    shutil.copy2(package, tree / "var/tmp")
    done = run_in(tree, ["apt-get", "-y", "install", f"/var/tmp/{package.name}"], check=False)
    (tree / "var/tmp" / package.name).unlink()
    if done.returncode != 0:
        raise ContainerError(f"apt-get install {package.name}: {done.stdout}{done.stderr}")


def install_packages_to_test(tree, packages):
    """Packages in the tree, by name, not installed: for tests of that."""
    folder = tree / HOME / "debs"
    folder.mkdir()
    for name, package in packages.items():
        shutil.copy2(package, folder / f"{name}.deb")
    # What dpkg writes is gone after the test: it waits for no disk.
    (tree / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
    shutil.copytree(ROOT / "packaging/debian/tests", tree / HOME / "debian/tests")


def install_tests(tree, hammer):
    """Our tests and the hammer, under one folder that no package uses."""
    home = tree / HOME
    shutil.copytree(ROOT / "tests", home / "tests",
                    ignore=shutil.ignore_patterns("__pycache__", "*.cc", "*.h", "unit", "fuzz"))
    shutil.copytree(ROOT / "examples/node", home / "examples/node")
    (home / "bin").mkdir()
    shutil.copy2(hammer, home / "bin")


def install_service(tree, command, environment=""):
    """The service that runs `command` after boot and ends the container when that is through."""
    unit = tree / "etc/systemd/system" / TEST_UNIT
    unit.write_text(UNIT.format(home=HOME, command=command, environment=environment))
    wants = tree / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / unit.name).symlink_to(f"/etc/systemd/system/{unit.name}")


def end(process):
    """Ends a container that did not end by itself: SIGTERM is what nspawn shuts down at."""
    for step in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(step)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                continue


def nspawn(tree):
    """The command that boots a tree as a container."""
    return ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network",
            # What the service's unit asks for beyond what a container has: eBPF.
            "--capability=CAP_BPF", "--system-call-filter=bpf",
            "--console=pipe", "--boot", "-D", str(tree), "systemd.unit=multi-user.target", "systemd.show_status=no"]


def boot(tree, command=nspawn, seconds=BOOT_SECONDS):
    """Boots, waits until the service has run, and returns (its exit status, its output)."""
    home = pathlib.Path(tree) / HOME
    home.mkdir(parents=True, exist_ok=True)
    console = home / "console"
    with console.open("wb") as out:
        process = subprocess.Popen(command(tree), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            end(process)
    output = home / "output"
    text = output.read_text(errors="replace") if output.exists() else ""
    status = home / "status"
    if not status.exists():
        raise ContainerError(f"the test did not end; console:\n{console.read_text(errors='replace')}"
                             f"\noutput so far:\n{text}")
    return int(status.read_text()), text
