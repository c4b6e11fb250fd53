"""examples/puma: it reads LISTEN_FDS itself."""
import unittest

from tests.support import examples


class Puma(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """It hangs up on those who have not asked yet, so there are none here."""

    example = "puma"
    shape = {"short": 6, "keepalive": 6, "think_ms": 50, "rate": 250}


if __name__ == "__main__":
    unittest.main()
