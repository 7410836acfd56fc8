"""Hand-made environments and publications on a volume, in the layout of the contracts (link mode)."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support import layers
from tests.support.layers import Files

BASE_ID = hashlib.sha256(b"base of the tests").hexdigest()


def site_packages(prefix: Path) -> Path:
    return prefix / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def compose(
    volume: Path, base: Path, parts: Sequence[Files], *, shadows: Sequence[str] = (), mode: str = "task",
    keep_shadowed: bool = False, **manifest: Any
) -> str:
    """An environment of layer files over links to the base's entries; its id. Folders that both have are merged.

    `keep_shadowed` links what the manifest calls shadowed: an environment that only the check can tell is unfit.
    """
    core = {
        "schema": 1,
        "base_id": BASE_ID,
        "shadows": [{"name": n, "base_version": "0", "version": "1"} for n in shadows],
        "mode": mode,
        "entry_points": {},
        **manifest,
    }
    env_id = hashlib.sha256(json.dumps([core, [sorted(p.items()) for p in parts]]).encode()).hexdigest()
    root = volume / "envs" / env_id
    if root.exists():
        return env_id
    building = volume / "envs" / f".{env_id}.building"
    target = site_packages(building)
    target.mkdir(parents=True)
    for part in parts:
        layers.write(target, part)
    _link(site_packages(base), target, set() if keep_shadowed else {n.replace("-", "_") for n in shadows})
    _interpreter(building, base)
    (building / ".updraft").mkdir()
    (building / ".updraft" / "manifest.json").write_text(json.dumps(core))
    building.rename(root)
    return env_id


def _link(source: Path, target: Path, shadowed: set[str]) -> None:
    for entry in source.iterdir():
        here = target / entry.name
        if entry.name == "__pycache__" or entry.name.split("-")[0].lower() in shadowed:
            continue
        if not here.exists():
            here.symlink_to(entry)
        elif here.is_dir() and entry.is_dir():
            _link(entry, here, set())


def _interpreter(root: Path, base: Path) -> None:
    python = base / "bin" / "python"
    home = subprocess.run(
        [python, "-c", "import sys; print(sys._base_executable)"], check=True, capture_output=True, text=True
    ).stdout.strip()
    (root / "pyvenv.cfg").write_text(f"home = {Path(home).parent}\ninclude-system-site-packages = false\n")
    bin_dir = root / "bin"
    bin_dir.mkdir(exist_ok=True)
    for name in ("python", "python3"):
        (bin_dir / name).symlink_to(os.path.realpath(python))
    (bin_dir / "airflow").write_text(
        "#!/bin/sh\n'''exec' \"$(dirname \"$0\")/python\" \"$0\" \"$@\"\n' '''\n"
        "import sys\nfrom airflow.__main__ import main\nsys.exit(main())\n"
    )
    (bin_dir / "airflow").chmod(0o755)


def publish(
    volume: Path, repository: str, sequence: int, files: Files, env_id: str | None, *, current: bool = True
) -> str:
    """A publication with its tree, and the flip of `current` to it; its id."""
    publication = f"{sequence:08d}-{hashlib.sha256(str(sequence).encode()).hexdigest()[:12]}"
    tree = volume / "trees" / repository / publication
    for relative, text in files.items():
        (tree / relative).parent.mkdir(parents=True, exist_ok=True)
        (tree / relative).write_text(text)
    entries = [{"environment": "default", "base_id": BASE_ID, "env_id": env_id}] if env_id else []
    tree.with_name(f"{publication}.json").write_text(json.dumps({"schema": 1, "environments": entries}))
    if current:
        flip(volume, repository, publication)
    return publication


def flip(volume: Path, repository: str, publication: str) -> None:
    links = volume / "current"
    links.mkdir(exist_ok=True)
    fresh = links / f".{repository}.new"
    fresh.symlink_to(Path("..", "trees", repository, publication))
    fresh.rename(links / repository)
