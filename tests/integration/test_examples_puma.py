"""examples/puma: Puma reads LISTEN_FDS itself."""
import unittest

from tests.support import examples


class Puma(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """As its README says."""

    example = "puma"


if __name__ == "__main__":
    unittest.main()
