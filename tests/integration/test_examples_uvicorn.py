"""examples/uvicorn: Uvicorn takes the number of a descriptor."""
import unittest

from tests.support import examples


class Uvicorn(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """As its README says."""

    example = "uvicorn"


if __name__ == "__main__":
    unittest.main()
