"""examples/c: a static program that knows nothing but LISTEN_FDS."""
import unittest

from tests.support import examples


class StaticC(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """Ten lines read LISTEN_FDS."""

    example = "c"

    @classmethod
    def setUpClass(cls):
        program = examples.compiled("hello", "c/hello.c", "gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O2",
                                    "-static", "-o", "{output}", "{source}")
        cls.settings = {"pool.web.command": f'["{program}"]'}


if __name__ == "__main__":
    unittest.main()
