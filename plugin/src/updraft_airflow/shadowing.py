"""Refusals: is anything of a replaced distribution already in this process? Checked before the first change."""

from __future__ import annotations

import csv
import os
import re
import sys
from pathlib import Path
from typing import Any

from updraft_airflow.base import Base
from updraft_airflow.errors import PluginLayerError, ProcessModeError, ShadowedModulesError
from updraft_airflow.volume import Environment

_PLUGIN_GROUP = "airflow.plugins"
"""Entry point group of Airflow plugins; listeners come through plugins."""


def normalised(name: str) -> str:
    """A distribution name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def refuse_unfit(environment: Environment, manifest: dict[str, Any], base: Base) -> None:
    """Raise when this process must not be switched to `environment`."""
    plugins = sorted(manifest.get("entry_points", {}).get(_PLUGIN_GROUP, {}))
    if plugins:
        raise PluginLayerError(environment.env_id, plugins)
    shadows = [str(s["name"]) for s in manifest.get("shadows", [])]
    if manifest.get("mode") != "task":
        raise ProcessModeError(environment.env_id, shadows)
    loaded = loaded_files(shadows, base)
    if loaded:
        raise ShadowedModulesError(environment.env_id, loaded)


def loaded_files(shadows: list[str], base: Base) -> dict[str, list[str]]:
    """Files of the base's distributions `shadows` that this process has imported or mapped, by distribution."""
    owners = _owners({normalised(name) for name in shadows}, base)
    if not owners:
        return {}
    found: dict[str, list[str]] = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        relative = base.relative(file) if isinstance(file, str) else None
        if relative in owners:
            found.setdefault(owners[relative], []).append(relative)
    mapped = _mapped_libraries()
    for relative, name in owners.items():
        if ".so" in relative:
            file = base.holds(relative)
            if file is not None and os.path.realpath(file) in mapped and relative not in found.get(name, []):
                found.setdefault(name, []).append(relative)
    return found


def _owners(names: set[str], base: Base) -> dict[str, str]:
    """Relative path → distribution, for every file that RECORD lists for `names` in the base."""
    owners: dict[str, str] = {}
    if not names:
        return owners
    for directory in base.site_dirs:
        for info in Path(directory).glob("*.dist-info"):
            name = normalised(info.name.removesuffix(".dist-info").rsplit("-", 1)[0])
            record = info / "RECORD"
            if name in names and record.exists():
                with record.open(newline="", encoding="utf-8") as rows:
                    owners.update({os.path.normpath(row[0]): name for row in csv.reader(rows) if row})
    return owners


def _mapped_libraries() -> set[str]:
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        # A non-dumpable process of another user cannot read its own maps; modules are still checked.
        return set()
    return {line.split(None, 5)[5] for line in maps.splitlines() if line.endswith(".so") or ".so." in line}
