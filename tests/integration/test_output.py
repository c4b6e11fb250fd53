"""What programs that are not ours write: lines with the name of the worker, whatever happens to us."""
import fcntl
import os
import re
import struct
import termios
import unittest

from tests.support import processes
from tests.support.case import ManagedCase
from tests.support.daemon import script_config
from tests.support.faults import Injection
from tests.support.metrics import scrape
from tests.support.wait import until

# Writes what stands in the file, once it is there, and says when it has; goes at SIGTERM.
WRITER = """
import os, select, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
orders = sys.argv[0] + "." + os.environ["SOCKHERD_SLOT"]
while True:
    try:
        with open(orders, "rb") as file:
            text = file.read()
        os.unlink(orders)
    except FileNotFoundError:
        select.select([], [], [], 0.005)
        continue
    while text:
        text = text[os.write(1, text):]
    open(orders + ".done", "x").close()
"""


F_GETPIPE_SZ = 1032


def waiting_in(pipe):
    """Bytes that nobody has read."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]


class OutputCase(ManagedCase):
    """A pool of writers."""

    def launch_writers(self, workers=1, pool="", script=WRITER):
        """The daemon, and the path of its program."""
        path = self.program(script)
        return self.ready(script_config(path, workers, pool)), path

    def tell(self, path, text, slot=0):
        """Orders a worker to write; does not wait."""
        new = path.with_name("new")
        new.write_bytes(text)
        new.rename(f"{path}.{slot}")

    def written(self, path, slot=0):
        """Whether it has."""
        done = path.with_name(f"{path.name}.{slot}.done")
        return done.exists() and (done.unlink() or True)

    @staticmethod
    def dropped(daemon):
        """Lines, as they are counted."""
        return scrape(daemon).total("sockherd_worker_output_dropped_total")

    def say(self, daemon, path, text, slot=0):
        """Orders, and waits until it is through."""
        self.tell(path, text, slot)
        until(lambda: self.written(path, slot), "it has written", explain=daemon.log)


class Lines(OutputCase):
    """output = "lines", on standard error."""

    def test_each_line_has_the_name_of_its_worker(self):
        """Colours and control characters are taken away, and the prefix of a priority."""
        daemon, path = self.launch_writers(workers=2)
        self.say(daemon, path, b"listening\n<3>\x1b[31mred\x1b[0m\x07\n\n", slot=0)
        self.say(daemon, path, b"gr\xc3\xbc\xc3\x9fe\n", slot=1)
        daemon.wait_log("web/1 | gr\u00fc\u00dfe\n")
        daemon.wait_log("web/0 | listening\nweb/0 | red?\nweb/0 | \n")

    def test_long_lines_come_in_pieces(self):
        """All of it."""
        daemon, path = self.launch_writers()
        self.say(daemon, path, b"x" * 20_000 + b"\nend\n")
        daemon.wait_log("web/0 | end\n")
        pieces = re.findall(r"^web/0 \| (x+)$", daemon.log(), re.MULTILINE)
        self.assertEqual("".join(pieces), "x" * 20_000)
        self.assertLess(max(map(len, pieces)), 8193)

    def test_its_last_words_come_before_its_end(self):
        """A crash is explained by what it wrote, and in that order."""
        script = "import os, sys\nos.write(2, b'Traceback: no\\nat all')\nsys.exit(3)\n"
        daemon = self.launch(script_config(self.program(script)))
        daemon.wait_log("exit 3")
        self.assertRegex(daemon.log(), r"web/0 \| Traceback: no\nweb/0 \| at all\n[^\n]*exit 3")

    def test_reading_goes_on_after_the_kernel_had_no_memory_for_it(self):
        """The second epoll_ctl(2) is the one that ends a rest."""
        daemon, path = self.launch_writers()
        with Injection(daemon.pid, "epoll_ctl", "ENOMEM", when=2) as fault:
            self.say(daemon, path, b"y\n" * 200_000)
        self.assertEqual(fault.hits, 1)
        self.say(daemon, path, b"end\n")

    def test_a_flood_is_bounded_and_counted(self):
        """Nothing else is held up by it."""
        daemon, path = self.launch_writers()
        total = 200_000
        self.say(daemon, path, b"y\n" * total)

        def counted():
            lines = scrape(daemon).total("sockherd_worker_output_lines_total")
            dropped = self.dropped(daemon)
            return (lines, dropped) if lines + dropped == total else None
        lines, dropped = until(counted, "all are counted")
        self.assertGreaterEqual(lines, 2000)
        self.assertGreater(dropped, 0)
        self.assertEqual(daemon.log().count("web/0 | y\n"), lines)
        self.assertIn("output-dropped pool=web slot=0", daemon.log())


class Elsewhere(OutputCase):
    """The other kinds of output."""

    def test_inherited_output_is_ours(self):
        """As it is."""
        daemon, path = self.launch_writers(pool='output = "inherit"')
        self.say(daemon, path, b"<3>as it is\n")
        daemon.wait_log("\n<3>as it is\n")

    def test_discarded_output_is_nowhere(self):
        """And nobody waits for it."""
        daemon, path = self.launch_writers(pool='output = "discard"')
        pid = daemon.pids()[0]
        self.say(daemon, path, b"nothing\n" * 100_000)
        os.kill(pid, 9)  # with its end all that it has written would have been read
        until(lambda: daemon.pids().get(0, pid) != pid, "its successor", explain=daemon.log)
        self.assertNotIn("nothing", daemon.log())


class Succession(OutputCase):
    """The supervisor goes, and another one comes."""

    def test_what_is_written_while_nobody_is_there_is_read_afterwards(self):
        """kill -9 of the supervisor: the worker neither ends nor waits."""
        daemon, path = self.launch_writers()
        before = daemon.pids()
        self.say(daemon, path, b"before\n")
        daemon.kill()
        self.say(daemon, path, b"meanwhile\n" + b"z" * 100_000 + b"\n")
        daemon.start()
        daemon.ready()
        daemon.wait_log("web/0 | meanwhile\n")
        self.say(daemon, path, b"afterwards\n")
        daemon.wait_log("web/0 | afterwards\n")
        self.assertEqual(daemon.pids(), before)
        self.assertEqual(sum(map(len, re.findall(r"web/0 \| (z+)", daemon.log()))), 100_000)

    def test_a_full_pipe_holds_a_worker_up_until_somebody_reads_it(self):
        """No longer: it is not ended, and nothing of what it wrote is lost but what is counted."""
        daemon, path = self.launch_writers()
        pid = daemon.pids()[0]
        daemon.kill()
        line = b"w" * 99 + b"\n"
        self.tell(path, line * 10_000)
        kept = next(entry.fd for entry in daemon.store.entries if "output" in entry.name)
        until(lambda: waiting_in(kept) == fcntl.fcntl(kept, F_GETPIPE_SZ), "the pipe is full")
        self.assertFalse(self.written(path), "a megabyte fits into no pipe of ours")
        daemon.start()
        daemon.ready()
        until(lambda: self.written(path), "it goes on", explain=daemon.log)
        self.assertEqual(daemon.pids(), {0: pid})
        line = "web/0 | " + "w" * 99
        until(lambda: daemon.log().count(line) + self.dropped(daemon) == 10_000, "all are counted")

    def test_the_last_words_of_a_worker_that_died_alone_are_heard(self):
        """By the next supervisor, for it was nobody's child by then."""
        daemon, path = self.launch_writers()
        pid = daemon.pids()[0]
        daemon.kill()
        self.say(daemon, path, b"dying\n")
        os.kill(pid, 9)
        until(lambda: not processes.is_alive(pid), "its end")
        daemon.start()
        daemon.ready()
        daemon.wait_log("web/0 | dying\n")

    def test_a_restart_loses_no_line(self):
        """Nor half of one."""
        daemon, path = self.launch_writers()
        for number in range(5):
            self.say(daemon, path, b"first %d\nhalf" % number)
            daemon.wait_log(f"first {number}\n")
            daemon.restart()
            daemon.wait_workers(1)
            self.assertEqual(daemon.log().count("web/0 | half\n"), number + 1, daemon.log())

    def test_the_store_is_empty_of_it_when_the_worker_is_gone(self):
        """No descriptor is left behind."""
        daemon, _ = self.launch_writers(workers=2)
        self.assertEqual(sum("output" in name for name in daemon.store.names()), 2)
        os.kill(daemon.pids()[0], 9)
        until(lambda: "crashed" in daemon.log(), "its end is seen", explain=daemon.log)
        daemon.wait_workers(2)
        daemon.notify.flush()
        self.assertEqual(sum("output" in name for name in daemon.store.names()), 2)


if __name__ == "__main__":
    unittest.main()
