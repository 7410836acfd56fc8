"""What a process uses is locked until it ends."""

import fcntl
import os
import tempfile
import unittest
from pathlib import Path

from updraft_airflow import hold as module
from updraft_airflow.hold import hold


def excluded(path: Path) -> bool:
    """Whether somebody else could take the file away now."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class HoldTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "manifest.json"

    def tearDown(self) -> None:
        while module._held:
            os.close(module._held.pop())

    def test_what_is_held_cannot_be_taken_away(self) -> None:
        self.path.write_text("{}")
        os.utime(self.path, (1, 1))
        self.assertTrue(excluded(self.path))
        self.assertTrue(hold(self.path))
        self.assertFalse(excluded(self.path))
        self.assertGreater(self.path.stat().st_mtime, 1, "its use is remembered")

    def test_what_is_missing_or_going_is_not_held(self) -> None:
        self.assertFalse(hold(self.path))
        self.path.write_text("{}")
        with self.path.open("rb") as remover:
            fcntl.flock(remover, fcntl.LOCK_EX)
            self.assertFalse(hold(self.path))
        self.assertEqual(module._held, [])


if __name__ == "__main__":
    unittest.main()
