"""The service on a system bus: what can be read, what changes are told, and who may change something."""
import os
import signal
import subprocess
import sys
import unittest

from tests.support.case import DaemonCase
from tests.support.daemon import stub_config
from tests.support.system_bus import NAME, OBJECT, SystemBus
from tests.support.wait import until

DAEMON, NOBODY = 1, 65534  # users that every Debian has: a bus turns away whom it does not know
PLACES = 4  # of a user whom polkit is asked about (supervisor/authority.cc)
POOL, WORKER = f"{NAME}.Pool", f"{NAME}.Worker"


class BusCase(DaemonCase):
    """A bus, and a daemon that is told of it."""

    def setUp(self):
        self.bus = SystemBus()
        self.addCleanup(self.bus.end)

    def serving(self, config=None):
        """A daemon on the bus, which is there already."""
        self.bus.start()
        daemon = self.ready(config, environment=self.bus.environment)
        self.bus.wait_service(daemon.log)
        return daemon

    def refusal(self, *arguments, **options):
        """What busctl says to a call that must fail."""
        with self.assertRaises(AssertionError) as caught:
            self.bus.call(*arguments, **options)
        return str(caught.exception)


class Reading(BusCase):
    """Everybody may."""

    def test_methods_are_those_of_the_control_socket(self):
        """Also for an unprivileged user; only the arguments of programs are kept back."""
        daemon = self.serving(stub_config())
        status = self.bus.call("GetStatus", user=NOBODY)[0]
        self.assertEqual(status["pid"]["data"], daemon.process.pid)
        self.assertEqual(len(self.bus.call("ListWorkers", "s", "web", user=NOBODY)[0]), 2)
        pool = self.bus.call("ListPools", user=NOBODY)[0][0]
        self.assertEqual(pool["command"]["data"], [sys.executable])

    def test_introspection_is_readable(self):
        """Every argument has a name."""
        self.serving()
        done = self.bus.busctl("introspect", NAME, OBJECT, "--xml-interface")
        self.assertEqual(done.returncode, 0, done.stderr)
        ours = done.stdout.split(f'<interface name="{NAME}">')[1].split("</interface>")[0]
        self.assertIn('<method name="SetWorkers">', ours)
        arguments = [line for line in ours.splitlines() if "<arg " in line]
        self.assertGreater(len(arguments), 10)
        self.assertFalse([line for line in arguments if 'name="' not in line])

    def test_objects(self):
        """Pools and workers, each with its properties."""
        self.serving()
        objects = self.bus.objects()
        pools = {path: one[POOL] for path, one in objects.items() if POOL in one}
        workers = {path: one[WORKER] for path, one in objects.items() if WORKER in one}
        self.assertEqual([pool["Name"] for pool in pools.values()], ["web"])
        self.assertEqual([pool["Desired"] for pool in pools.values()], [2])
        self.assertEqual(sorted(worker["Slot"] for worker in workers.values()), [0, 1])
        path, worker = next(iter(workers.items()))
        self.assertEqual(self.bus.property("ProcessId", path, WORKER), worker["ProcessId"])
        os.kill(worker["ProcessId"], 0)
        self.assertIn("Unknown object", self.bus.busctl("get-property", NAME, f"{path}99", WORKER,
                                                        "State").stderr)

    def test_changes_are_told(self):
        """PropertiesChanged, InterfacesAdded and InterfacesRemoved."""
        self.serving()
        wait = self.bus.monitor()
        self.bus.call("SetWorkers", "sus", "web", 3, "test")

        def is_change(message, value):
            body = message["payload"]["data"]
            return (message["member"] == "PropertiesChanged" and body[0] == POOL and
                    body[1].get("Ready", {}).get("data") == value)
        added = wait(lambda m: m["member"] == "InterfacesAdded")
        self.assertIn(WORKER, added["payload"]["data"][1])
        wait(lambda m: is_change(m, 3))
        self.bus.call("SetWorkers", "sus", "web", 2, "test")
        removed = wait(lambda m: m["member"] == "InterfacesRemoved")
        self.assertEqual(removed["payload"]["data"], [added["payload"]["data"][0], [WORKER]])


class Changing(BusCase):
    """Root may; for others polkit is asked."""

    def test_root_is_not_asked_about(self):
        """There is no polkit here, and it works."""
        daemon = self.serving()
        self.assertEqual(self.bus.call("SetWorkers", "sus", "web", 3, "me"), [2])
        daemon.wait_workers(3)
        self.assertIn("uid 0 over the system bus (me)", daemon.log())
        self.assertEqual(self.bus.call("Reload", "s", "me")[0]["ok"]["data"], True)
        self.assertEqual(self.bus.call("Restart", "sis", "web", 0, "me")[0]["ok"]["data"], True)

    def test_without_polkit_nobody_else_may(self):
        """And it is said why."""
        daemon = self.serving()
        self.assertIn("Access denied", self.refusal("Reload", "s", "x", user=NOBODY))
        self.assertIn(f"change-refused what=reload by=\"uid {NOBODY}", daemon.log())
        self.assertIn("only root and the user of the service may do this", daemon.log())
        self.assertEqual(self.bus.property("Generation"), 1)

    def test_polkit_decides(self):
        """Each action by its name, with what a rule of polkit may want to know."""
        self.serving()
        for answer, works, says in (("yes", True, ""), ("no", False, "Access denied"),
                                    ("challenge", False, "polkit wants a password")):
            polkit = self.bus.polkit(answer)
            calls = [("SetWorkers", "sus", "web", 2, "x"), ("Restart", "sis", "web", 1, "x"),
                     ("Reload", "s", "x")]
            for call in calls:
                if works:
                    self.bus.call(*call, user=NOBODY, interactive=True)
                else:
                    self.assertIn(says, self.refusal(*call, user=NOBODY))
            flags = int(works)  # only who allows to be asked for a password is
            self.assertEqual(polkit.end(), [f"{NAME}.scale {flags} pool=web workers=2",
                                     f"{NAME}.restart {flags} pool=web", f"{NAME}.reload {flags}"])
        self.assertEqual(self.bus.property("Generation"), 2)

    def test_polkit_that_is_silent_stops_nobody(self):
        """The supervisor goes on; a caller who has too many questions there is sent away, root is not."""
        daemon = self.serving()
        polkit = self.bus.polkit("never")
        for _ in range(PLACES):
            self.ask()
        polkit.questions(PLACES)
        self.assertIn("too many are being asked for a password",
                      self.refusal("Reload", "s", "x", user=NOBODY))
        self.ask(user=DAEMON)
        polkit.questions(1)  # another one has places of his own
        self.assertEqual(self.bus.call("SetWorkers", "sus", "web", 3, "root"), [2])
        daemon.wait_workers(3)

    def ask(self, user=NOBODY):
        """A call that nobody waits for."""
        process = subprocess.Popen(
            ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "busctl",
             f"--address={self.bus.address}", "--allow-interactive-authorization=yes",
             "--timeout=300", "call", NAME, OBJECT, NAME, "Reload", "s", "x"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.bus.others.append(process)


class Connection(BusCase):
    """The bus is not needed."""

    def test_no_bus_is_said_once_and_tried_again(self):
        """Everything works without, and it is there as soon as there is one."""
        daemon = self.ready(environment=self.bus.environment)
        daemon.wait_log("bus-unavailable")
        daemon.wait_workers(2)
        self.bus.start()
        self.bus.wait_service(daemon.log)
        self.assertEqual(daemon.log().count("bus-unavailable"), 1)

    def test_a_bus_that_ends_is_joined_again(self):
        """As when its package is upgraded."""
        daemon = self.serving()
        for _ in range(2):
            self.bus.stop()
            daemon.ctl("status", check=0)
            self.bus.start()
            self.bus.wait_service(daemon.log)
        self.assertEqual(self.bus.property("Ready"), True)

    def test_a_bus_that_stands_still_stops_nobody(self):
        """It takes connections (the kernel does) and answers nothing."""
        self.bus.start()
        self.bus.process.send_signal(signal.SIGSTOP)
        daemon = self.ready(environment=self.bus.environment)
        daemon.ctl("scale", "web", "3", check=0)
        daemon.wait_workers(3)
        self.bus.process.send_signal(signal.SIGCONT)
        self.bus.wait_service(daemon.log)
        self.bus.process.send_signal(signal.SIGSTOP)
        daemon.ctl("scale", "web", "2", check=0)
        daemon.ctl("reload", check=0)
        daemon.wait_workers(2)
        self.bus.process.send_signal(signal.SIGCONT)
        until(lambda: self.bus.property("Generation") == 2, "the new one", explain=daemon.log)

    def test_a_bus_that_does_not_know_us(self):
        """No policy: the name is refused, which is said."""
        self.bus.end()
        self.bus = SystemBus(policy="")
        self.addCleanup(self.bus.end)
        self.bus.start()
        daemon = self.ready(environment=self.bus.environment)
        daemon.wait_log("bus-unavailable why=")
        self.assertIn("not allowed to own the service", daemon.log())

    def test_a_second_one(self):
        """The name stays with the first; the second says what to do, and takes it when it is free."""
        first = self.serving()
        second = self.ready(environment=self.bus.environment)
        second.wait_log("daemon.system_bus = false")
        self.assertEqual(self.bus.property("ProcessId"), first.process.pid)
        first.signal(signal.SIGTERM)
        first.exit_status()
        until(lambda: self.bus.has_service() and
              self.bus.property("ProcessId") == second.process.pid, "the second", explain=second.log)

    def test_not_wanted(self):
        """system_bus = false, and a reload that changes it both ways."""
        daemon = self.serving()
        config = daemon.config.read_text()
        daemon.config.write_text(config + "[daemon]\nsystem_bus = false\n")
        daemon.ctl("reload", check=0)
        until(lambda: not self.bus.has_service(), "it leaves", explain=daemon.log)
        daemon.config.write_text(config)
        daemon.ctl("reload", check=0)
        self.bus.wait_service(daemon.log)


if __name__ == "__main__":
    unittest.main()
