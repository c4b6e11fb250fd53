"""As test_faults, for the calls that a successor makes while it adopts."""
import pathlib
import unittest

from tests.integration.test_faults import MOST_FAILURES, TABLE, FaultCase
from tests.support.faults import CALL, hits_in, injection, release, strace
from tests.support.wait import until


class FaultsAtStart(FaultCase):
    """The successor adopts: it may give up, then the next one does it."""

    def test_adoption(self):
        """Faults of a start, from its first own call on."""
        def traced(options):
            out = pathlib.Path(self.daemon.directory) / "strace"
            out.unlink(missing_ok=True)
            self.daemon.kill()
            # -I2: it goes when it is told to; in front of a program it would not.
            self.daemon.prefix = [strace(), "-D", "-I2", "-q", "-o", str(out), *options]
            since = len(self.daemon.log())
            self.daemon.start()
            self.daemon.prefix = []
            # TimeoutStartSec= is for a READY=1 that could not be sent; here nobody waits for it.
            until(lambda: self.is_over() or self.daemon.notify.find("READY", since=self.daemon.began)
                  or "notify-failed" in self.daemon.log()[since:], "ready, or not",
                  explain=self.daemon.log)
            # From here on no call fails any more: what follows is not the start's.
            release(self.daemon.process.pid)
            return out.read_text(errors="replace").splitlines()

        lines = traced([])
        self.assert_invariants()
        # What the dynamic linker does is not ours to test.
        begin = next(number for number, line in enumerate(lines) if "sockherd.toml" in line and
                     line.startswith("openat"))
        calls = [match[1] for line in lines[begin:] if (match := CALL.match(line))]
        before = [match[1] for line in lines[:begin] if (match := CALL.match(line))]
        hits = 0
        for call, errors in TABLE.items():
            skip, own = before.count(call), calls.count(call)
            whens = sorted({skip + 1, skip + own}) if own else []
            for number, when in enumerate(whens):
                error = errors[number % len(errors)]
                with self.subTest(call=call, error=error, when=when), self.counting_failures():
                    hits += hits_in(traced(injection(call, error, when)))
                    self.assert_invariants()
                if self.failed > MOST_FAILURES:
                    self.fail("too many failures to go on")
        self.assertGreater(hits, 10)


if __name__ == "__main__":
    unittest.main()
