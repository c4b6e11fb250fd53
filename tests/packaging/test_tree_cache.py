"""The trees of the system tests: built once, shared, and removed when nobody has wanted them for long. Needs no root."""
import os
import pathlib
import tempfile
import time
import unittest

from tests.system import tree_cache

OLD = time.time() - tree_cache.KEPT - 60


class Trees(unittest.TestCase):
    """In a folder of their own."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="trees-")
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)
        self.built = []

    def build(self, folder):
        """A small one."""
        self.built.append(folder.name)
        (folder / "etc").mkdir(parents=True)
        (folder / "etc/hostname").write_text("x\n")

    def ensure(self, name):
        """By that."""
        return tree_cache.ensure(self.folder / name, self.build)

    def old(self, name):
        """A tree that nobody has used for too long."""
        path = self.ensure(name)
        path.with_name(f"{name}.log").write_text("log\n")
        os.utime(path, (OLD, OLD))
        return path

    def names(self):
        """What is there, but for the lock."""
        return sorted(path.name for path in self.folder.iterdir() if path.name != "tree.lock")

    def test_is_built_once_and_is_whole(self):
        """And the second use is remembered."""
        path = self.ensure("debian-a")
        os.utime(path, (OLD, OLD))
        self.assertEqual(self.ensure("debian-a"), path)
        self.assertEqual(self.built, ["debian-a.partial"])
        self.assertEqual((self.names(), (path / "etc/hostname").read_text()), (["debian-a"], "x\n"))
        self.assertGreater(path.stat().st_mtime, OLD)

    def test_a_build_that_fails_leaves_no_tree(self):
        """The next one begins anew."""
        def fail(folder):
            self.build(folder)
            raise RuntimeError("no network")
        with self.assertRaises(RuntimeError):
            tree_cache.ensure(self.folder / "debian-a", fail)
        self.assertFalse((self.folder / "debian-a").exists())
        self.ensure("debian-a")
        self.assertEqual(self.names(), ["debian-a"])

    def test_the_old_ones_are_removed(self):
        """With their logs; those of yesterday stay, and what is not ours."""
        self.old("debian-old")
        self.old("debian-broken.partial")
        self.old("else")
        self.ensure("debian-yesterday")
        self.ensure("debian-a")
        self.assertEqual(self.names(), ["debian-a", "debian-yesterday", "else", "else.log"])

    def test_one_in_use_is_not_removed(self):
        """However old it looks."""
        path = self.old("debian-old")
        with tree_cache.using(path):
            os.utime(path, (OLD, OLD))
            self.ensure("debian-a")
            self.assertTrue(path.exists())
        self.ensure("debian-a")
        self.assertFalse(path.exists())

    def test_who_waits_for_one_that_goes_is_told(self):
        """And builds it again."""
        path = self.old("debian-old")
        with self.assertRaises(FileNotFoundError), tree_cache.locked(path, tree_cache.fcntl.LOCK_SH):
            tree_cache.remove(path, time.time())
            with tree_cache.locked(path, tree_cache.fcntl.LOCK_SH):
                self.fail("there is none")
        self.ensure("debian-old")
        self.assertEqual(self.built, 2 * ["debian-old.partial"])

    def test_one_that_is_used_since_we_looked_stays(self):
        """Whoever has the lock looks again."""
        path = self.old("debian-old")
        with tree_cache.using(path):
            pass
        tree_cache.remove(path, time.time())
        self.assertTrue(path.exists())


if __name__ == "__main__":
    unittest.main()
