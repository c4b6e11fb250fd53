"""examples/gunicorn: Gunicorn reads LISTEN_FDS itself."""
import unittest

from tests.support import examples


class Gunicorn(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """As its README says."""

    example = "gunicorn"


if __name__ == "__main__":
    unittest.main()
