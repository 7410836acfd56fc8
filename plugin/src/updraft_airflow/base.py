"""The base that this process started in: the interpreter's own prefix and the site directories it brought."""

from __future__ import annotations

import os
import site
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Base:
    """Where this process imports from before a switch. Paths are as `sys.path` writes them, links unresolved."""

    prefix: str
    site_dirs: tuple[str, ...]

    @classmethod
    def here(cls) -> Base:
        """The base of this process."""
        dirs = list(site.getsitepackages([sys.prefix]))
        if site.ENABLE_USER_SITE:
            dirs.append(site.getusersitepackages())
        return cls(sys.prefix, tuple(os.path.normpath(d) for d in dirs))

    @property
    def is_venv(self) -> bool:
        """True when the base is a venv; its `bin` then holds nothing but the base's scripts."""
        return sys.prefix != sys.base_prefix

    def relative(self, path: str) -> str | None:
        """`path` below one of the site directories, or None. The directory itself is the empty text."""
        for directory in self.site_dirs:
            if path == directory:
                return ""
            if path.startswith(directory + os.sep):
                return path[len(directory) + 1 :]
        return None

    def holds(self, relative: str) -> Path | None:
        """The base's file or folder of this relative path."""
        for directory in self.site_dirs:
            candidate = Path(directory, relative)
            if candidate.exists():
                return candidate
        return None
