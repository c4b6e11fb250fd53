"""examples/node: server.listen({ fd: 3 })."""
import unittest

from tests.support import examples


class Node(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """It leaves politely."""

    example = "node"
    shape = examples.ALL_KINDS


if __name__ == "__main__":
    unittest.main()
