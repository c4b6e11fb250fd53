"""A built RPM, as rpm shows it."""
import collections
import pathlib
import subprocess

from tests.support.paths import ROOT

FOLDER = ROOT / "build/rpm"
SCRIPTS = {"pre": "PREIN", "post": "POSTIN", "preun": "PREUN", "postun": "POSTUN", "pretrans": "PRETRANS",
           "posttrans": "POSTTRANS", "verify": "VERIFYSCRIPT"}

# flags: c config, n noreplace, d documentation, l licence, g ghost (rpm's own letters).
File = collections.namedtuple("File", "path mode user group flags")


def run(*command, cwd=None):
    """The output of a command that has to succeed."""
    done = subprocess.run(command, text=True, capture_output=True, cwd=cwd)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def package(name, release="1", arch=None):
    """The path of a package of this version that ./dev rpm has made."""
    found = [path for path in FOLDER.glob(f"{name}-[0-9]*-{release}.{arch or '*'}.rpm")
             if arch or not path.name.endswith(".src.rpm")]
    if len(found) != 1:
        raise AssertionError(f"{found} instead of one {name} in {FOLDER}: ./dev rpm makes it")
    return found[0]


class Rpm:
    """What is in it."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def query(self, text):
        """rpm -qp --qf."""
        return run("rpm", "-qp", "--qf", text, str(self.path))

    def files(self):
        """All of them, folders included, in a dictionary by path."""
        lines = self.query("[%{FILENAMES}\t%{FILEMODES:octal}\t%{FILEUSERNAME}\t%{FILEGROUPNAME}\t"
                           "%{FILEFLAGS:fflags}\n]").splitlines()
        listed = [File(*line.split("\t")) for line in lines]
        return {file.path: file for file in listed}

    def scripts(self):
        """Text by name, of those that there are."""
        texts = {name: self.query(f"%{{{tag}}}") for name, tag in SCRIPTS.items()}
        return {name: text for name, text in texts.items() if text != "(none)"}

    def requires(self, but=("rpmlib(",)):
        """Dependencies, without rpm's own features."""
        lines = set(run("rpm", "-qp", "--requires", str(self.path)).splitlines())
        return {line.strip() for line in lines if not line.startswith(but)}

    def provides(self):
        """What others may depend on."""
        return {line.strip() for line in run("rpm", "-qp", "--provides", str(self.path)).splitlines()}

    def unpack(self, target):
        """The files, below a folder."""
        with subprocess.Popen(["rpm2cpio", str(self.path)], stdout=subprocess.PIPE) as archive:
            subprocess.run(["cpio", "-idm", "--quiet"], stdin=archive.stdout, cwd=target, check=True)
