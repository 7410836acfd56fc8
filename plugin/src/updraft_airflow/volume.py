"""The volume: published trees, their publications, composed environments. Read-only; the agent writes it."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from updraft_airflow.errors import VolumeError

DEFAULT_VOLUME = "/updraft"
"""Where the volume is mounted unless UPDRAFT_VOLUME says otherwise."""
SCHEMA = 1
"""Version of publications and manifests that this reader knows."""
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_PUBLICATION = re.compile(r"\d{8,}-[0-9a-f]{12}")


def _document(path: Path, what: str) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise VolumeError(f"{what} {path} is not JSON ({error}); the agent must write it again") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise VolumeError(f"{what} {path} has a schema that this plugin does not know; expected {SCHEMA}")
    return document


@dataclass(frozen=True)
class Environment:
    """A composed environment on this machine: a venv root."""

    path: Path

    @property
    def env_id(self) -> str:
        """Its identity: the name of its folder."""
        return self.path.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def site_packages(self) -> Path:
        """Its one site-packages, for the interpreter that runs this code."""
        return self.path / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"

    def document(self) -> Path:
        """The file of its manifest; locked by who uses the environment."""
        return self.path / ".updraft" / "manifest.json"

    def manifest(self) -> dict[str, Any]:
        """The functional core of its manifest."""
        return _document(self.document(), "manifest")


@dataclass(frozen=True)
class Volume:
    """Paths of one repository on this machine's volume."""

    root: Path
    repository: str

    @classmethod
    def of(cls, repository: str) -> Volume:
        """The volume that the process environment names."""
        if not _REPOSITORY.fullmatch(repository):
            raise VolumeError(f"`{repository}` is not a repository name: expected a-z, 0-9, `-` and `_`")
        return cls(Path(os.environ.get("UPDRAFT_VOLUME") or DEFAULT_VOLUME), repository)

    def current(self) -> str | None:
        """Publication id that `current/<repo>` points to; None where there is none (API server, before the first flip)."""
        try:
            target = (self.root / "current" / self.repository).readlink().name
        except OSError:
            return None
        return target if _PUBLICATION.fullmatch(target) else None

    def tree(self, publication: str) -> Path:
        """Folder of a publication's files."""
        if not _PUBLICATION.fullmatch(publication):
            raise VolumeError(f"`{publication}` is not a publication id: expected <sequence>-<12 digits of the commit>")
        return self.root / "trees" / self.repository / publication

    def unpublished(self) -> Path:
        """Where the files of a repository without a publication would be: a path that never exists.

        Not `current/<repo>`: that link appears and moves under a reader that has decided nothing yet.
        """
        return self.root / "trees" / self.repository / "unpublished"

    def document(self, publication: str) -> Path:
        """The file of a publication, beside its tree; locked by who uses the tree."""
        return self.tree(publication).with_name(f"{publication}.json")

    def publication(self, publication: str) -> dict[str, Any] | None:
        """The publication beside its tree; None when it is not on this machine."""
        path = self.document(publication)
        return _document(path, "publication") if path.exists() else None

    def environment(self, env_id: str) -> Environment:
        """An environment's folder; it may not exist yet."""
        return Environment(self.root / "envs" / env_id)


def env_id_of(publication: dict[str, Any], environment: str, base_id: str) -> str | None:
    """Environment of this name that `publication` has for this base; None when its tasks run in the base itself.

    A publication whose environments were all built for other bases is an error: running its tasks in the bare base would
    fail later and with a worse message.
    """
    environments = [e for e in publication.get("environments", []) if e["environment"] == environment]
    if not environments:
        return None
    for entry in environments:
        if entry["base_id"] == base_id:
            return str(entry["env_id"])
    raise VolumeError(
        f"the publication has environment `{environment}` for {len(environments)} other base(s), but not for this "
        f"machine's base {base_id[:12] or '(UPDRAFT_BASE_ID is not set)'}. Run the process under updraft-agent, and let "
        "sync build for this base."
    )
