"""What others say of the packages that ./dev deb has built: lintian, blhc, hardening-check, CMake. Boots nothing.

    python3 -m unittest -v tests.system.deb_lint
"""
import os
import pathlib
import subprocess
import tempfile
import unittest

from tests.support.paths import ROOT
from tests.system import debs

FOLDER = ROOT / "build/deb"
PACKAGE = debs.find(FOLDER)
DEV = debs.find(FOLDER, "sockherd-dev")
SYMBOLS = debs.find(FOLDER, "sockherd-dbgsym")
VERSION = debs.field(PACKAGE, "Version")
MACHINE = subprocess.run(["dpkg", "--print-architecture"], check=True, text=True, capture_output=True).stdout.strip()
# What packaging/debian/rules adds for a machine: (the option, the instruction that functions begin with).
BRANCHES = {"amd64": ("-fcf-protection", "endbr64"), "arm64": ("-mbranch-protection=standard", "paciasp")}
DEMANDS = ("Position Independent Executable", "Stack protected", "Fortify Source functions", "Read-only relocations",
           "Immediate binding", "Stack clash protection")


def run(*command, **options):
    """Its status, and all that it says."""
    return subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)


def contents(package):
    """The paths of the files in it, without the first dot; folders have none."""
    done = subprocess.run(["dpkg-deb", "--contents", str(package)], check=True, text=True, capture_output=True)
    return {line.split(maxsplit=5)[5].split(" -> ")[0].removeprefix(".") for line in done.stdout.splitlines()
            if not line.startswith("d")}


class Package(unittest.TestCase):
    """Of the release that would be published."""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="deb-lint-")
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.root = pathlib.Path(cls.scratch.name, "root")
        for package in (PACKAGE, DEV, SYMBOLS):
            cls.root.mkdir(exist_ok=True)
            debs.programs(package, cls.root / package.name.split("_")[0])

    def test_lintian_has_no_error_and_no_warning(self):
        """Of binary and source packages; what is overridden has its reason in the package. (To show it counts as a fault.)"""
        done = run("lintian", "--pedantic", "--display-info", "--allow-root", "--fail-on",
                   "error,warning", "--tag-display-limit", "0", FOLDER / f"sockherd_{VERSION}_{MACHINE}.changes")
        print(done.stdout, flush=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("internal error", done.stdout)

    def test_every_compiler_was_called_with_all_that_hardens(self):
        """As blhc reads the log."""
        done = run("blhc", "--all", FOLDER / f"sockherd_{VERSION}.build")
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_every_program_is_hardened(self):
        """In all ways that the machine knows."""
        programs = [path for path in (self.root / "sockherd").rglob("*") if path.is_file() and not path.is_symlink()
                    and path.read_bytes().startswith(b"\x7fELF")]
        self.assertEqual({path.name for path in programs}, {"sockherd", "sockherd-worker", "sockherd-admin", "sockherdctl"})
        for path in programs:
            done = run("hardening-check", path)
            for demand in DEMANDS:
                self.assertRegex(done.stdout, rf"(?m)^ {demand}: yes", f"{path}\n{done.stdout}")
            if MACHINE in BRANCHES:
                # The note that hardening-check looks for is lost in linking: Debian's own crt1.o has none.
                option, mark = BRANCHES[MACHINE]
                code = run("objdump", "--disassemble", "--no-show-raw-insn", "--section=.text", path).stdout
                self.assertGreater(code.count(f"\t{mark}"), 100, f"{path} is built without {option}")

    def test_what_is_in_which(self):
        """Programs, units, account, manual and configuration here; header, CMake and examples there."""
        service, dev = contents(PACKAGE), contents(DEV)
        for path in ("/usr/sbin/sockherd", "/usr/bin/sockherdctl", "/usr/libexec/sockherd/sockherd-worker",
                     "/lib/systemd/system/sockherd.service", "/lib/systemd/system/sockherd.socket",
                     "/usr/lib/sysusers.d/sockherd.conf", "/etc/sockherd/sockherd.toml", "/etc/logrotate.d/sockherd",
                     "/usr/share/man/man8/sockherd.8.gz", "/usr/share/bash-completion/completions/sockherdctl"):
            self.assertIn(path, service)
        for path in ("/usr/include/sockherd/app.h", "/usr/share/cmake/sockherd/sockherdConfig.cmake",
                     "/usr/share/pkgconfig/sockherd.pc", "/usr/share/doc/sockherd-dev/examples/chat/chat.cc"):
            self.assertIn(path, dev)
        self.assertEqual(service & dev, set())
        self.assertFalse([path for path in service if path.startswith(("/etc/sysctl.d", "/usr/lib/sysctl.d"))],
                         "no parameter of the kernel is changed by a package")
        self.assertEqual(debs.field(PACKAGE, "Architecture"), MACHINE)

    def test_debug_symbols_belong_to_the_programs(self):
        """One file a program, with its build id."""
        found = {path.relative_to(self.root / "sockherd-dbgsym/usr/lib/debug/.build-id").with_suffix("").as_posix()
                 for path in (self.root / "sockherd-dbgsym").rglob("*.debug") if ".build-id" in path.parts}
        for name in ("usr/sbin/sockherd", "usr/bin/sockherdctl", "usr/libexec/sockherd/sockherd-worker",
                     "usr/libexec/sockherd/sockherd-admin"):
            notes = run("readelf", "--notes", self.root / "sockherd" / name).stdout
            ident = notes.split("Build ID:")[1].split()[0]
            self.assertIn(f"{ident[:2]}/{ident[2:]}", found)

    def test_only_the_service_is_restarted(self):
        """The scripts: debhelper's way of starting would restart the sockets, and hide that it failed."""
        scripts = {name: run("dpkg-deb", "--info", PACKAGE, name).stdout for name in ("preinst", "prerm", "postinst", "postrm")}
        calls = {name: [line.strip() for line in text.splitlines() if "deb-systemd-invoke" in line]
                 for name, text in scripts.items()}
        self.assertEqual([call for call in calls["postinst"] if " restart " in call],
                         ['if ! deb-systemd-invoke restart "$unit"; then'])
        self.assertIn("for unit in $(services); do", scripts["postinst"])
        self.assertEqual([call for name in scripts if name != "prerm" for call in calls[name] if " stop " in call],
                         ["deb-systemd-invoke stop sockherd.socket sockherd-admin.socket || true"])
        self.assert_stops_only_what_it_has_started(scripts["postinst"])
        self.assertIn('[ "$1" = remove ]', scripts["prerm"])

    def assert_stops_only_what_it_has_started(self, postinst):
        """At the first installation, where the other socket cannot listen."""
        first, rest = postinst.split("start_all() {")[1].split("\n}\n", 1)
        self.assertIn("deb-systemd-invoke stop", first)
        self.assertEqual([line.strip() for line in rest.splitlines() if "start_all" in line], ["start_all"])
        self.assertRegex(rest, r'\[ -z "\$2" \] \|\| \[ ! -d /run/sockherd \]; }; then\n    start_all\n    exit 0\n')

    def test_an_example_builds_against_the_installed_header(self):
        """As who installs sockherd-dev would do it."""
        source = self.root / "sockherd-dev/usr/share/doc/sockherd-dev/examples/api"
        build = self.root / "api"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SOCKHERD")}
        for command in (["cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.root}/sockherd-dev/usr"],
                        ["cmake", "--build", build]):
            done = run(*command, env=environment)
            self.assertEqual(done.returncode, 0, done.stdout)
        self.assertTrue((build / "api.so").exists())
        cache = (build / "CMakeCache.txt").read_text()
        self.assertIn(f"{self.root}/sockherd-dev/usr/share/cmake/sockherd", cache)


if __name__ == "__main__":
    unittest.main()
