"""apt and dpkg in the container, with the packages that run.py has put there."""
import os
import pathlib
import subprocess

from tests.system import debs
from tests.system.container import HOME

FOLDER = pathlib.Path(f"/{HOME}/debs")


def run(*command):
    """What apt and dpkg say is in the result, all of it in stdout."""
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})
    done.stderr = ""
    return done


def apt(verb, *names, before=()):
    """apt-get, which fails if the package's scripts do."""
    return run(*before, "apt-get", "-y", "--no-install-recommends", "--allow-downgrades", "-o", "Dpkg::Use-Pty=0",
               verb, *names)


def installed():
    """(its state, its version), as dpkg sees them; ("", "") if it was never there."""
    done = run("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "sockherd")
    return tuple(done.stdout.split()) if done.returncode == 0 and len(done.stdout.split()) == 2 else ("", "")


class Packages:
    """What upgrade.py wants of a package manager."""

    def __init__(self):
        self.paths = {path.stem: path for path in FOLDER.iterdir()}
        self.versions = {name: debs.field(path, "Version") for name, path in self.paths.items()}

    @staticmethod
    def version():
        """What is installed and configured; "" if nothing is."""
        state, version = installed()
        return version if state == "installed" else ""

    def put(self, name):
        """Installs, upgrades or goes back to a version, with apt."""
        if self.version() == self.versions[name]:
            return run("true")
        return apt("install", self.paths[name])
