"""The service manager of the tests keeps descriptors as systemd 252 does (a daemon of ten lines)."""
import os
import signal
import socket
import sys
import unittest

from tests.support import processes
from tests.support.daemon import tcp_listener
from tests.support.service_manager import ManagedDaemon
from tests.support.wait import until

STORING_DAEMON = os.path.join(os.path.dirname(os.path.dirname(__file__)), "support/storing_daemon.py")


class ManagerCase(unittest.TestCase):
    """A storing daemon that runs a text."""

    def launch(self, text, **options):
        """Ready with it, and ended whatever happens."""
        daemon = ManagedDaemon(text, **{"admin": False, "sockets": {}, **options})
        self.addCleanup(daemon.end)
        daemon.prefix, daemon.program = [sys.executable, "-I", "-S"], STORING_DAEMON
        daemon.start()
        return daemon.ready()

    def names_after(self, text, **options):
        """What is in the store once the text has run."""
        daemon = self.launch(text + "\nbarrier()", **options)
        return daemon, daemon.store.names()


class Store(ManagerCase):
    """FDSTORE=1, FDSTOREREMOVE=1, FDPOLL=0, BARRIER=1."""

    def test_what_was_stored_comes_back_under_its_name(self):
        """After a crash and after a restart, beside the sockets of the units."""
        daemon = self.launch("store('a', memory('one')); store('b', memory('two')); barrier()",
                             sockets={"web": [tcp_listener(), tcp_listener()]})
        daemon.rewrite("print({name: len(fds) for name, fds in sorted(passed.items())},"
                       "os.pread(passed['a'][0], 9, 0), file=sys.stderr)")
        for act in (daemon.crash, daemon.restart, daemon.crash):
            since = len(daemon.log())
            act()
            self.assertIn("{'a': 1, 'b': 1, 'web': 2} b'one'", daemon.log()[since:])

    def test_order_means_nothing(self):
        """It differs from start to start, and the same seed gives the same orders."""
        def orders(seed):
            daemon = self.launch("print(NAMES, file=sys.stderr)", seed=seed,
                                 sockets={name: [tcp_listener()] for name in "abcdef"})
            for _ in range(3):
                daemon.crash()
            return daemon.log()
        one = orders(1)
        self.assertEqual(len(set(one.splitlines())), 4)
        self.assertEqual(one, orders(1))
        self.assertNotEqual(one, orders(2))

    def test_stop_empties_the_store(self):
        """The other end hangs up; the sockets of the units go on listening."""
        web = tcp_listener()
        daemon = self.launch(
            "ours, theirs = socket.socketpair(); store('pair', ours.fileno()); barrier()\n"
            "if os.fork() == 0:\n"
            "    ours.close(); print('end:', theirs.recv(1), file=sys.stderr); os._exit(0)",
            sockets={"web": [web]}, stop_means=None)
        self.assertEqual(daemon.store.names(), ["pair"])
        daemon.terminate()
        self.assertNotIn("end:", daemon.log())
        self.assertEqual(len(daemon.living()), 1)
        daemon.stop_means = "restart"
        daemon.start()
        daemon.ready()
        with self.assertRaises(AssertionError):
            daemon.stop()
        daemon.stop_means = None
        daemon.kill().start()
        daemon.ready().stop()
        daemon.wait_log("end: b''")
        until(lambda: not daemon.living(), "the end of the child")
        socket.create_connection(web.getsockname()).close()

    def test_same_open_file_is_kept_once_under_its_first_name(self):
        """systemd compares descriptions, not numbers; an equal file is another one."""
        daemon, names = self.names_after(
            "fd = memory('x'); store('first', fd); store('second', os.dup(fd));"
            "store('first', memory('x'))")
        self.assertEqual(names, ["first", "first"])
        self.assertEqual(daemon.store.dropped, [("second", "known")])

    def test_remove(self):
        """All of that name, and no other."""
        _, names = self.names_after(
            "for name in 'aab': store(name, memory(''))\n"
            "notify('FDSTOREREMOVE=1\\nFDNAME=a'); notify('FDSTOREREMOVE=1\\nFDNAME=none')")
        self.assertEqual(names, ["b"])

    def test_full(self):
        """What comes too late is closed, and the daemon is not told."""
        daemon, names = self.names_after("for name in 'abcd': store(name, memory(''))", store_max=3)
        self.assertEqual(names, ["a", "b", "c"])
        self.assertEqual(daemon.store.dropped, [("d", "full")])

    def test_hangup(self):
        """The end of the other side drops it at once, unless FDPOLL=0 was said."""
        daemon, _ = self.names_after(
            "for more in ('', '\\nFDPOLL=0'):\n"
            "    ours, theirs = socket.socketpair(); store('pair' + more[-1:], ours.fileno(), more=more)\n"
            "    theirs.close()\n"
            "both = socket.socketpair(); store('whole', both[0].fileno())")
        until(lambda: daemon.store.names() == ["pair0", "whole"], "the first is dropped",
              explain=daemon.store.names)
        daemon.kill()
        until(lambda: daemon.store.names() == ["pair0"], "its other end died with the daemon",
              explain=daemon.store.names)
        self.assertEqual(daemon.store.dropped, [("pair", "hangup"), ("whole", "hangup")])

    def test_pidfd(self):
        """Kept while the process lives; dropped when its orphan has been reaped."""
        daemon, names = self.names_after(
            "child = os.fork()\n"
            "if child == 0: signal.signal(signal.SIGTERM, signal.SIG_DFL); signal.pause()\n"
            "store('child', os.pidfd_open(child))")
        self.assertEqual(names, ["child"])
        daemon.crash()
        orphan = next(pid for pid in processes.children(os.getpid()) if pid in daemon.living() and
                      pid != daemon.pid)
        self.assertIn("child", daemon.store.names())
        os.kill(orphan, signal.SIGTERM)
        until(lambda: processes.stat_fields(orphan) is None, "the orphan is reaped")
        until(lambda: ("child", "hangup") in daemon.store.dropped, "the pidfd is dropped")

    def test_only_the_main_process_is_heard(self):
        """NotifyAccess=main."""
        daemon, names = self.names_after(
            "child = os.fork()\n"
            "if child == 0: store('child', memory('')); os._exit(0)\n"
            "os.waitpid(child, 0); store('main', memory(''))")
        self.assertEqual(names, ["main"])
        self.assertEqual([message["FDNAME"] for message in daemon.notify.refused], ["child"])

    def test_what_was_said_last_counts(self):
        """Also when nobody has read it before the end of the one who said it."""
        daemon = self.launch("pass")
        daemon.rewrite("for _ in range(100): store('late', memory(''))\nos.kill(os.getpid(), 9)")
        daemon.kill().start()
        daemon.exit_status()
        daemon.rewrite("pass")
        daemon.start()
        daemon.ready()
        self.assertEqual(len(daemon.store), 100)

    def test_faults_of_the_sender(self):
        """What systemd does with them, and that tests can see them."""
        daemon, names = self.names_after(
            "store('a:b', memory('')); store('two', memory(''), memory(''))\n"
            "notify('BARRIER=1\\nSTATUS=x', memory(''))")
        self.assertEqual(names, ["stored", "two", "two"])
        self.assertEqual([fault for fault, _ in daemon.notify.faults],
                         ["bad name", "not one descriptor", "a barrier with more in it is ignored"])


class Life(ManagerCase):
    """Processes."""

    def test_crash_touches_nobody_but_the_supervisor(self):
        """KillMode=process: its children live on, and become ours."""
        daemon = self.launch(
            "if os.fork() == 0: signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()")
        first = set(daemon.living())
        self.assertEqual(len(first), 2)
        daemon.rewrite("pass")
        daemon.crash()
        daemon.restart()
        self.assertEqual(len(first & set(daemon.living())), 1)

    def test_end_leaves_nobody(self):
        """Not even those that ignore everything and have lost their parent and their session."""
        daemon = self.launch(
            "if os.fork() == 0:\n"
            "    os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "    notify('CHILD=%d' % os.getpid()); signal.pause()")
        child = until(lambda: [int(message["CHILD"]) for message in daemon.notify.refused], "it runs")
        daemon.crash()
        self.assertTrue(processes.is_alive(child[0]))
        daemon.killer.close()
        self.assertFalse([pid for pid in child if processes.is_alive(pid)])

    def test_addresses_of_units_stay(self):
        """The sockets are the manager's, TCP and Unix ones."""
        daemon = self.launch("pass", admin=True)
        before = [daemon.address("admin", index) for index in (0, 1)]
        daemon.crash()
        self.assertEqual([daemon.address("admin", index) for index in (0, 1)], before)


if __name__ == "__main__":
    unittest.main()
