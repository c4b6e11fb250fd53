"""Boots a tree on a kernel of its own: User Mode Linux, a kernel that is a program.

For what belongs to a whole kernel: control groups of version 2 with all their controllers, which a container only
has where its host has put them there. It has one CPU and its system calls are slow: nothing is measured here.
"""
import pathlib
import shutil

from tests.system.container import TEST_UNIT, ContainerError

PROGRAM = "linux.uml"
# What takes seconds here, and does nothing for the tests. getty@tty1: there is no terminal, and until it has one it
# holds whatever PID 1 has, also sockets that others bind.
LEFT_OUT = ("getty@tty1.service", "systemd-journal-flush.service", "systemd-sysusers.service", "ldconfig.service",
            "systemd-journal-catalog-update.service", "systemd-update-done.service", "systemd-update-utmp.service",
            "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-random-seed.service",
            "systemd-modules-load.service", "modprobe@configfs.service", "modprobe@fuse.service")


def command(tree):
    """For container.boot(); the tree is its root file system."""
    program = shutil.which(PROGRAM)
    if not program:
        raise ContainerError(f"{PROGRAM} is missing: apt install user-mode-linux")
    # Its processes are ours to end: with the first one go all of them.
    return ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
            program, "mem=768M", f"uml_dir={pathlib.Path(tree).parent}", "root=/dev/root", "rootfstype=hostfs", f"rootflags={tree}", "rw",
            "con=null", "con0=null,fd:1", "ssl=null", "selinux=0", "quiet",
            *(f"systemd.mask={unit}" for unit in LEFT_OUT),
            "systemd.unified_cgroup_hierarchy=1", f"systemd.unit={TEST_UNIT}", "systemd.show_status=no"]
