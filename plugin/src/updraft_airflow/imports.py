"""Import surgery: what `import`, `importlib.resources` and `importlib.metadata` look at, moved to the environment."""

from __future__ import annotations

import importlib
import os
import site
import sys
from pathlib import Path
from types import ModuleType

from updraft_airflow.base import Base
from updraft_airflow.volume import Environment


def redirect_path(environment: Environment, base: Base) -> None:
    """Put the environment's site-packages where the base's site directories stood on `sys.path`."""
    target = str(environment.site_packages)
    moved: list[str] = []
    for entry in sys.path:
        path = target if base.relative(os.path.normpath(entry)) == "" else entry
        if path != target or target not in moved:
            moved.append(path)
    if target not in moved:
        moved.append(target)
    sys.path[:] = moved


def redirect_packages(environment: Environment, base: Base) -> int:
    """Extend packages that are already imported and that the environment extends; how many were changed.

    Only these: a folder that the environment takes from the base as one link holds nothing new, and rewriting the
    `__path__` of hundreds of packages costs tens of milliseconds in every task.
    """
    extends = _Extended(environment, base)
    changed = 0
    for module in list(sys.modules.values()):
        path = getattr(module, "__path__", None)
        if isinstance(path, list):
            moved = [extends.target(entry) for entry in path]
            if moved != path:
                _move(module, moved, extends)
                changed += 1
    # Namespace packages compute their path from the parent's; that happens on the next access.
    importlib.invalidate_caches()
    return changed


def _move(module: ModuleType, path: list[str], extends: _Extended) -> None:
    module.__path__ = path
    spec = getattr(module, "__spec__", None)
    if spec is None:
        return
    if spec.submodule_search_locations is not None:
        spec.submodule_search_locations = list(path)
    # importlib.resources asks the loader of a regular package, which looks beside the file it was loaded from.
    file = getattr(spec.loader, "path", None)
    if isinstance(file, str):
        spec.loader.path = str(Path(extends.target(str(Path(file).parent)), Path(file).name))


class _Extended:
    """Which folders of the base exist in the environment as folders of their own."""

    def __init__(self, environment: Environment, base: Base) -> None:
        self._site = str(environment.site_packages)
        self._base = base
        self._known: dict[str, bool] = {"": True}

    def target(self, entry: object) -> str:
        """Where a package's search path entry points after the switch."""
        if not isinstance(entry, str):
            return entry  # type: ignore[return-value]
        relative = self._base.relative(entry)
        return os.path.join(self._site, relative) if relative and self._own(relative) else entry  # noqa: PTH118

    def _own(self, relative: str) -> bool:
        known = self._known.get(relative)
        if known is None:
            path = os.path.join(self._site, relative)  # noqa: PTH118
            # A link is the base's own folder, and so is everything below it.
            own_parent = self._own(os.path.dirname(relative))  # noqa: PTH120
            known = own_parent and os.path.isdir(path) and not os.path.islink(path)  # noqa: PTH112, PTH114
            self._known[relative] = known
        return known


def run_path_lines(environment: Environment, base: Base) -> list[str]:
    """Execute the `.pth` files of the layers as `site` would; their names. The base's own ran when the process started."""
    ran: list[str] = []
    known = {os.path.normcase(os.path.abspath(p)) for p in sys.path}  # noqa: PTH100
    for file in sorted(environment.site_packages.glob("*.pth")):
        ours = base.holds(file.name)
        if file.name.startswith(".") or (ours is not None and ours.read_bytes() == file.read_bytes()):
            continue
        site.addpackage(str(environment.site_packages), file.name, known)  # type: ignore[attr-defined]
        ran.append(file.name)
    return ran
