"""What this process uses stays on the volume: shared locks, which the kernel releases when the process dies.

The agent bounds the volume and removes trees and environments that nobody names or holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

_held: list[int] = []
"""Descriptors that live as long as the process; children that it forks share them."""


def hold(path: Path) -> bool:
    """Lock a file of what is used. False when it is not there or about to go: it has to be made ready again."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        there = os.stat(path)
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        return False
    if not os.path.samestat(os.fstat(descriptor), there):
        os.close(descriptor)
        return False
    # When it was last used; a volume that this user cannot write is fine without it.
    with contextlib.suppress(OSError):
        os.utime(descriptor)
    _held.append(descriptor)
    return True
