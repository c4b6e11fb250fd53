#!/usr/bin/env python3
"""A Debian 12 tree for the system test: built once with debootstrap, then cached.

A run never writes to the cached tree: it gets an overlay of it (or a copy, where the kernel has no
overlayfs) in a temporary directory. The cache (tree_cache.py) is keyed by what is in the tree, so a
changed package list builds a new one.

    python3 -m tests.system.tree      builds the tree if it is missing and prints its path
"""
import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from tests.system import tree_cache

SUITE = "bookworm"
MIRROR = os.environ.get("SOCKHERD_DEBIAN_MIRROR", "http://deb.debian.org/debian")
REVISION = "2"  # raise it when the way the tree is made changes
PACKAGES = [
    "systemd", "systemd-sysv", "dbus", "python3", "curl", "iproute2", "procps", "prometheus", "rpm",
    # What we work with where it is there. libpam-systemd: debootstrap does not resolve default-logind, of polkitd.
    "polkitd", "libpam-systemd", "logrotate",
    "nodejs",  # a program with a JIT compiler
]
# Of bookworm-backports, for the second tree: systemd 254, with Type=notify-reload and DelegateSubgroup=.
BACKPORTS = ["systemd", "systemd-sysv", "libpam-systemd"]
BACKPORTS_REVISION = "1"


class TreeError(Exception):
    """The tree cannot be made; the text says what to do about it."""


def cache_directory():
    """Where trees are kept, following XDG; /var/cache because only root can build one."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "sockherd"


def cached_path(packages):
    """The path of the tree that belongs to a package list."""
    key = hashlib.sha256("\n".join([SUITE, REVISION, *sorted(packages)]).encode()).hexdigest()[:12]
    return cache_directory() / f"debian-12-{key}"


def require_root():
    """The system test boots a container; without root it must fail, never be skipped."""
    if os.geteuid() != 0:
        raise TreeError("the system test needs root (debootstrap, overlayfs, systemd-nspawn): "
                        "run it with sudo, or leave it out with `ctest -LE system`")
    for tool, package in (("debootstrap", "debootstrap"), ("systemd-nspawn", "systemd-container")):
        if not shutil.which(tool):
            raise TreeError(f"{tool} is missing: apt install {package}")


def debootstrap(target, packages):
    """Fills `target`; the log goes to a file beside it, whose end is shown on failure."""
    log = target.with_suffix(".log")
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", SUITE,
               str(target), MIRROR]
    with log.open("wb") as out:
        status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT).returncode
    if status != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise TreeError(f"debootstrap failed ({log}):\n{tail}")


def prepare(tree):
    """What a tree needs to boot quickly and quietly in a container, with no services of its own."""
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/hostname").write_text("sockherd-test\n")
    units = tree / "etc/systemd/system"
    for unit in ("prometheus.service", "prometheus-node-exporter.service", "apt-daily.timer",
                 "apt-daily-upgrade.timer", "systemd-networkd-wait-online.service",
                 "e2scrub_reap.service", "fstrim.timer"):
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    shutil.rmtree(tree / "var/cache/apt/archives", ignore_errors=True)
    (tree / "var/cache/apt/archives/partial").mkdir(parents=True)


def ensure_cached(more=()):
    """The cached tree with these packages besides, built if need be."""
    require_root()
    packages = [*PACKAGES, *more]

    def build(folder):
        print("building a tree with debootstrap, once (about 3 minutes)", file=sys.stderr, flush=True)
        debootstrap(folder, packages)
        prepare(folder)
    return tree_cache.ensure(cached_path(packages), build)


def take_backports(tree):
    """Upgrades these packages in a tree that is not booted; apt has the host's network."""
    source = tree / "etc/apt/sources.list.d/backports.list"
    source.write_text(f"deb {MIRROR} {SUITE}-backports main\n")
    apt = ("apt-get -q -o Acquire::Retries=3 update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends "
           f"-o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -t {SUITE}-backports install {' '.join(BACKPORTS)}")
    done = subprocess.run(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--pipe", "-D", str(tree),
                           "sh", "-c", apt], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise TreeError(f"no systemd from {MIRROR} {SUITE}-backports:\n{tail}")


def ensure_backports(more=()):
    """A copy of that tree with the systemd of backports, cached beside it."""
    base = ensure_cached(more)
    key = hashlib.sha256("\n".join([BACKPORTS_REVISION, *BACKPORTS]).encode()).hexdigest()[:6]

    def build(folder):
        print("building a tree from bookworm-backports, once (about a minute)", file=sys.stderr, flush=True)
        subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(folder)], check=True)
        take_backports(folder)
        prepare(folder)
    return tree_cache.ensure(base.with_name(f"{base.name}-backports-{key}"), build)


@contextlib.contextmanager
def throwaway(cached):
    """A writable tree that looks like `cached`, removed at the end."""
    with tree_cache.using(cached):
        yield from overlaid(cached)


def overlaid(cached):
    """The same, where nobody else removes `cached`."""
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="sockherd-sys-", dir="/var/tmp"))
    tree = scratch / "tree"
    for name in ("tree", "upper", "work"):
        (scratch / name).mkdir()
    overlay = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o",
         f"lowerdir={cached},upperdir={scratch}/upper,workdir={scratch}/work", str(tree)],
        stderr=subprocess.DEVNULL).returncode == 0
    try:
        if not overlay:  # no overlayfs here, or the file system cannot carry one
            tree.rmdir()
            subprocess.run(["cp", "-a", "--reflink=auto", str(cached), str(tree)], check=True)
        yield tree
    finally:
        if overlay:
            subprocess.run(["umount", "--lazy", str(tree)], check=True)
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    try:
        print(ensure_cached())
    except TreeError as error:
        sys.exit(f"tree.py: {error}")
