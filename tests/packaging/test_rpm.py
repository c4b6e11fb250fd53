"""The RPM packages that ./dev rpm has built: files, scripts, dependencies, rpmlint."""
import pathlib
import re
import subprocess
import tempfile
import unittest

from tests.packaging.rpm_file import Rpm, package, run
from tests.support.paths import ROOT

RPM = ROOT / "packaging/rpm"
SPEC = RPM / "sockherd.spec"
UNITS = "sockherd.service sockherd.socket sockherd-admin.socket"
TEMPLATES = "sockherd@.service sockherd@.socket sockherd-admin@.socket"
HELPER = "/usr/lib/systemd/systemd-update-helper"

# Where a package of Fedora may have files; nobody owns /lib, /opt, /usr/local, /run or /etc/systemd.
PLACES = ("/etc/sockherd", "/etc/logrotate.d/sockherd", "/usr/bin/", "/usr/sbin/", "/usr/libexec/sockherd",
          "/usr/include/sockherd", "/usr/lib/.build-id", "/usr/lib/debug", "/usr/lib/systemd/system/",
          "/usr/lib/systemd/catalog/", "/usr/lib/sysusers.d/", "/usr/lib/tmpfiles.d/", "/usr/share/",
          "/var/log/sockherd")
PROGRAMS = ("/usr/sbin/sockherd", "/usr/bin/sockherdctl", "/usr/libexec/sockherd/sockherd-worker",
            "/usr/libexec/sockherd/sockherd-admin")

# What Fedora's systemd-rpm-macros (systemd 250 and later; RHEL 9 has 252) make of the spec, without comments;
# the removals of what runs and what is in /run are ours.
SCRIPTS = {
    "pre": f"""\
systemd-sysusers --replace=/usr/lib/sysusers.d/sockherd.conf - <<SYSTEMD_INLINE_EOF || :
{(ROOT / "packaging/sysusers.d/sockherd.conf").read_text().strip()}
SYSTEMD_INLINE_EOF""",
    "post": f"""\
if [ $1 -eq 1 ] && [ -x "{HELPER}" ]; then
    {HELPER} install-system-units {UNITS} || :
fi""",
    "preun": f"""\
if [ $1 -eq 0 ] && [ -x "{HELPER}" ]; then
    {HELPER} remove-system-units {UNITS} || :
fi
if [ $1 -eq 0 ] && [ -d /run/systemd/system ]; then
    systemctl stop 'sockherd@*.service' 'sockherd@*.socket' 'sockherd-admin@*.socket' || :
fi
if [ $1 -eq 0 ] && [ -x "{HELPER}" ]; then
    {HELPER} remove-system-units {TEMPLATES} || :
fi""",
    "postun": f"""\
if [ $1 -ge 1 ] && [ -x "{HELPER}" ]; then
    {HELPER} mark-restart-system-units sockherd.service 'sockherd@*.service' || :
fi
if [ $1 -eq 0 ]; then
    rm -rf /run/sockherd /run/sockherd@*
    rmdir /var/log/sockherd/* /var/log/sockherd 2>/dev/null || :
fi"""}


def code(text):
    """A script without blank lines, comments of its own, and blanks at the ends of lines."""
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line and not line.lstrip().startswith("# "))


class Files(unittest.TestCase):
    """What is where, and whose."""

    @classmethod
    def setUpClass(cls):
        cls.main, cls.devel = Rpm(package("sockherd")), Rpm(package("sockherd-devel"))
        cls.all = {**cls.main.files(), **cls.devel.files()}

    def test_the_parts_are_the_components(self):
        """rpmbuild fails when a file is in none; here: whose it is."""
        for component, rpm, other in (("runtime", self.main, self.devel), ("dev", self.devel, self.main)):
            with tempfile.TemporaryDirectory() as folder:
                tree = next((ROOT / "build/package").glob("sockherd-*/obj-*"))
                subprocess.run(["cmake", "--install", tree, "--component", component], check=True,
                               env={"DESTDIR": folder, "PATH": "/usr/bin:/bin"}, stdout=subprocess.DEVNULL)
                staged = {f"/{path.relative_to(folder)}" for path in pathlib.Path(folder).rglob("*")
                          if not path.is_dir()}
            pages = {path + ".gz" for path in staged if "/share/man/" in path}
            expected = {path for path in staged if "/share/man/" not in path and "/apparmor.d/" not in path}
            self.assertGreater(len(expected), 5)
            self.assertEqual((expected | pages) - set(rpm.files()), set(), component)
            self.assertEqual((expected | pages) & set(other.files()), set(), component)

    def test_places(self):
        """Nothing is where a package must not have anything."""
        self.assertEqual([path for path in self.all if not path.startswith(PLACES)], [])
        self.assertEqual([path for path in PROGRAMS if path not in self.main.files()], [])

    def test_owners_and_modes(self):
        """root's, and for everybody to read; programs are for everybody to run; nothing is setuid."""
        wrong = []
        for file in self.all.values():
            kind, bits = file.mode[:-4], file.mode[-4:]
            program = re.search(r"/s?bin/|/libexec/", file.path)
            expected = {"4": "0755", "12": "0777"}.get(kind.lstrip("0"), "0755" if program else "0644")
            whose = ("root", "root")
            if file.path == "/var/log/sockherd":
                expected, whose = "0750", ("sockherd", "sockherd")
            if (bits, (file.user, file.group)) != (expected, whose):
                wrong.append(file)
        self.assertEqual(wrong, [])

    def test_configuration(self):
        """What is in /etc is the administrator's: an upgrade leaves it alone. There is no other."""
        marked = {path for path, file in self.all.items() if "c" in file.flags}
        kept = {path for path, file in self.all.items() if "c" in file.flags and "n" in file.flags}
        files = {path for path, file in self.all.items()
                 if path.startswith("/etc/") and not file.mode.lstrip("0").startswith("4")}
        self.assertIn("/etc/sockherd/sockherd.toml", files)
        self.assertEqual((marked, kept), (files, files))

    def test_documents_and_licence(self):
        """Marked as such: an installation without documents (tsflags=nodocs) runs."""
        for rpm in (self.main, self.devel):
            files = rpm.files().values()
            self.assertEqual([file.path for file in files if "l" in file.flags and file.path.endswith("LICENSE")],
                             [f"/usr/share/licenses/{rpm.query('%{NAME}')}/LICENSE"])
            self.assertEqual([file.path for file in files
                              if "d" not in file.flags and not file.mode.lstrip("0").startswith("4")
                              and file.path.startswith(("/usr/share/doc/", "/usr/share/man/"))], [])

    def test_programs_are_stripped_and_their_debug_information_is_apart(self):
        """By build ids, as debuggers find it."""
        debug = set(Rpm(package("sockherd-debuginfo")).files())
        with tempfile.TemporaryDirectory() as folder:
            self.main.unpack(folder)
            for program in PROGRAMS:
                listing = run("readelf", "-WSnd", f"{folder}{program}")
                number = re.search(r"Build ID: ([0-9a-f]+)", listing)[1]
                self.assertIn(f"/usr/lib/debug/.build-id/{number[:2]}/{number[2:]}.debug", debug)
                self.assertNotIn(".debug_info", listing)
                self.assertRegex(listing, r"(?s)FLAGS.*BIND_NOW.*FLAGS_1.*NOW.*PIE", program)


class Scriptlets(unittest.TestCase):
    """They are Fedora's, and leave sockets alone."""

    def test_are_those_of_the_macros(self):
        """Expanded, word for word; there are no others, and no triggers."""
        main = Rpm(package("sockherd"))
        self.assertEqual({name: code(text) for name, text in main.scripts().items()},
                         {name: code(text) for name, text in SCRIPTS.items()})
        for tag in ("TRIGGERSCRIPTS", "FILETRIGGERSCRIPTS", "TRANSFILETRIGGERSCRIPTS"):
            self.assertEqual(main.query(f"%{{{tag}}}"), "(none)")
        for tag in ("PREINPROG", "POSTINPROG", "PREUNPROG", "POSTUNPROG"):
            self.assertEqual(main.query(f"%{{{tag}}}"), "/bin/sh")
        for name in ("sockherd-devel", "sockherd-debuginfo"):
            self.assertEqual(Rpm(package(name)).scripts(), {})

    def test_no_socket_is_restarted(self):
        """What marks units in an upgrade names the service and nothing else."""
        scripts = Rpm(package("sockherd")).scripts()
        upgrade = [line for text in scripts.values() for line in code(text).splitlines()
                   if re.search(r"mark-|restart|reload|try-", line)]
        self.assertEqual(len(upgrade), 1, upgrade)
        self.assertIn("sockherd.service", upgrade[0])
        self.assertNotIn(".socket", upgrade[0])
        self.assertEqual([name for name, text in scripts.items() if "systemctl" in text], ["preun"])

    def test_the_account_is_the_one_that_is_installed(self):
        """The scriptlet has its own copy, from before the files are there."""
        with tempfile.TemporaryDirectory() as folder:
            Rpm(package("sockherd")).unpack(folder)
            installed = pathlib.Path(folder, "usr/lib/sysusers.d/sockherd.conf").read_text()
        self.assertIn(installed.strip(), Rpm(package("sockherd")).scripts()["pre"])


class Dependencies(unittest.TestCase):
    """What is needed is asked for."""

    def test_libraries(self):
        """Each that a program names, and none else."""
        main = Rpm(package("sockherd"))
        needed = set()
        with tempfile.TemporaryDirectory() as folder:
            main.unpack(folder)
            for program in PROGRAMS:
                needed |= set(re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", f"{folder}{program}")))
        asked = {re.sub(r"\(.*", "", line) for line in main.requires() if ".so" in line}
        self.assertEqual({name for name in asked if not name.startswith("ld-linux")},
                         {name for name in needed if not name.startswith("ld-linux")})

    def test_the_rest(self):
        """systemd for units and account; a shell for the scripts."""
        main = Rpm(package("sockherd"))
        rest = {line for line in main.requires() if ".so" not in line}
        version = main.query("%{VERSION}-%{RELEASE}")
        self.assertEqual(rest, {"/bin/sh", "systemd", "systemd >= 252", f"config(sockherd) = {version}",
                                "rtld(GNU_HASH)"})
        self.assertLessEqual(Rpm(package("sockherd-devel")).requires(), {"/usr/bin/pkg-config"})

    def test_build_requires_are_what_cmake_asks_for(self):
        """With the same versions; Debian's rpm cannot look for packages that are called as in Fedora."""
        spec, cmake = SPEC.read_text(), (ROOT / "CMakeLists.txt").read_text()
        for name, relation in re.findall(r"pkg_check_modules\(\w+ REQUIRED IMPORTED_TARGET ([\w-]+)(>=[\d.]+)?", cmake):
            wanted = f"pkgconfig({name})" + (f" >= {relation[2:]}" if relation else "")
            self.assertRegex(spec, rf"(?m)^BuildRequires: +{re.escape(wanted)}$")
        names = {"prometheus-cpp": "cmake(prometheus-cpp)", "tomlplusplus": "cmake(tomlplusplus)",
                 "ZLIB": "pkgconfig(zlib)", "PkgConfig": "", "Threads": ""}
        for name in re.findall(r"find_package\(([\w-]+)", cmake):
            self.assertRegex(spec, rf"(?m)^BuildRequires: +{re.escape(names[name])}")
        for name, version in re.findall(r"pkgconfig\(([\w-]+)\)(?: >= ([\d.]+))?", spec):
            run("pkg-config", *(["--atleast-version", version] if version else ["--exists"]), name)


class Lint(unittest.TestCase):
    """rpmlint."""

    def test_has_nothing_to_say(self):
        """About the packages and the spec; what is filtered has its reason in the file."""
        # Not those of the debug information: find-debuginfo makes all that is in there.
        packages = [str(package(name, arch=arch)) for name, arch in
                    (("sockherd", None), ("sockherd-devel", None), ("sockherd", "src"))]
        done = subprocess.run(["rpmlint", "--config", str(RPM / "rpmlint.toml"), "--rpmlintrc", str(RPM / "sockherd.rpmlintrc"),
                               *packages], text=True, capture_output=True)
        self.assertIn(" 0 errors, 0 warnings", done.stdout + done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
