"""rpm in the container, with the packages that rpm_run.py has put there."""
import pathlib
import subprocess

FOLDER = pathlib.Path("/opt/sockherd-test/rpms")


def rpm(*arguments, check=True):
    """rpm, with what it says."""
    done = subprocess.run(["rpm", *arguments], text=True, capture_output=True)
    if check and done.returncode != 0:
        raise AssertionError(f"rpm {arguments}: {done.stdout}{done.stderr}")
    return done


class Packages:
    """What upgrade.py wants of a package manager."""

    def __init__(self):
        self.paths = {folder.name: sorted(folder.glob("*.rpm")) for folder in FOLDER.iterdir()}
        self.versions = {name: rpm("-qp", "--qf", "%{VERSION}-%{RELEASE}", str(paths[0])).stdout
                         for name, paths in self.paths.items()}

    @staticmethod
    def version():
        """What is installed; "" if nothing is."""
        done = rpm("-q", "--qf", "%{VERSION}-%{RELEASE}", "sockherd", check=False)
        return done.stdout if done.returncode == 0 else ""

    def put(self, name):
        """Installs, upgrades or goes back to a version. Dependencies are checked."""
        if self.version() == self.versions[name]:
            return rpm("-q", "sockherd")
        return rpm("-U", "--force-debian", "--oldpackage", *map(str, self.paths[name]), check=False)

    @staticmethod
    def remove():
        """All that is ours."""
        return rpm("-e", "--force-debian", *rpm("-qa", "sockherd*").stdout.split())
