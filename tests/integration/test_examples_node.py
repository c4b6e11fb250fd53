"""examples/node: Node listens on descriptor 3."""
import unittest

from tests.support import examples


class Node(examples.ServesEverySlot, examples.SurvivesKills, examples.LosesNothing, examples.ExampleCase):
    """As its README says."""

    example = "node"


if __name__ == "__main__":
    unittest.main()
