"""examples/c: a static program that knows nothing but LISTEN_FDS."""
import unittest

from tests.support import examples


class StaticC(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """One client after the other."""

    example = "c"

    @classmethod
    def setUpClass(cls):
        program = examples.static_c()
        cls.settings = {"pool.web.command": f'["{program}"]'}


if __name__ == "__main__":
    unittest.main()
