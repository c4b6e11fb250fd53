"""examples/crystal: it binds the address itself, with SO_REUSEPORT."""
import unittest

from tests.support import examples


class Crystal(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """The classic program of one process a CPU."""

    example = "crystal"
    shape = examples.ALL_KINDS

    @classmethod
    def setUpClass(cls):
        program = examples.crystal()
        cls.settings = {"pool.web.command": f'["{program}"]'}


if __name__ == "__main__":
    unittest.main()
