"""examples/uvicorn: on a socket that was passed, by a few lines of Python or by its command line."""
import unittest

from tests.support import examples


class Uvicorn(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """It leaves politely."""

    example = "uvicorn"
    shape = examples.ALL_KINDS


class CommandLine(examples.ServesEverySlot, examples.SurvivesKills, examples.ExampleCase):
    """It is told the number of its socket. What it loses when it is told to leave is in docs/commands.md."""

    example = "uvicorn"
    settings = {"pool.web.command": '["uvicorn", "--fd", "{fd:web}", "--no-access-log", "app:app"]'}


if __name__ == "__main__":
    unittest.main()
