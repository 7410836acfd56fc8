"""The DAG bundle: published trees as versions, and the environment of its version for each task."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.dag_processing.bundles.base import BaseDagBundle

from updraft_airflow.process import Role, role
from updraft_airflow.startup import ensure_tree, enter, environment_on_volume
from updraft_airflow.switch import runs_in, runs_in_base
from updraft_airflow.volume import Volume

if TYPE_CHECKING:
    from airflow.dag_processing.bundles.base import BundleVersion

HOLD_S = 120
"""How long a process keeps serving the publication of its own environment while its successor starts."""


class UpdraftBundle(BaseDagBundle):
    """A repository that Updraft publishes.

    :param repository: its name in the store; the bundle's own name unless given
    :param subdir: folder of the DAG files in the repository
    :param environment: name of the environment in the publication that tasks of this bundle run in
    """

    supports_versioning = True

    def __init__(
        self, *, repository: str | None = None, subdir: str = "dags", environment: str = "default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if Path(subdir).is_absolute() or ".." in Path(subdir).parts:
            raise ValueError(f"subdir `{subdir}` of bundle `{self.name}` must be a folder inside the repository")
        self.subdir = subdir
        self.environment = environment
        self._volume = Volume.of(repository or self.name)
        self._serving: str | None = self.version
        self._held_since: float | None = None

    @property
    def path(self) -> Path:
        """Folder of the DAG files of the version that this object serves."""
        tree = self._volume.tree(self._serving) if self._serving else self._volume.unpublished()
        return tree / self.subdir

    def get_current_version(self) -> BundleVersion | str | None:
        """Publication id that this object serves; None before the first publication arrives."""
        if self._serving is None:
            return None
        try:
            from airflow.dag_processing.bundles.base import BundleVersion
        except ImportError:  # before Airflow 3.3
            return self._serving
        return BundleVersion(version=self._serving)

    def refresh(self) -> None:
        """Follow `current`, unless this object is pinned to a version."""
        if self.version is not None:
            return
        current = self._volume.current()
        if current is None or current == self._serving or self._leave_to_successor(current):
            return
        ensure_tree(self._volume, current)
        self._serving, self._held_since = current, None

    def initialize(self) -> None:
        """Have the version's files; in a task or callback process, enter its environment."""
        if self._serving is None:
            self._serving = self._volume.current()
        if self._serving is not None:
            here = role()
            if here is Role.OTHER:
                ensure_tree(self._volume, self._serving)
            else:
                enter(self._volume, self._serving, self.environment, here)
        super().initialize()

    def _leave_to_successor(self, current: str) -> bool:
        """True while a process of `current`'s environment is about to replace this one.

        A dag-processor in environment A must not parse files that were published for environment B: it would report
        import errors, and the scheduler ignores DAGs that have some. The agent starts a process in B at the flip.
        """
        if not os.environ.get("UPDRAFT_BASE_ID"):
            return False
        ready, environment = environment_on_volume(self._volume, current, self.environment)
        if ready and (runs_in(environment) if environment else runs_in_base(self._volume)):
            return False
        now = time.monotonic()
        self._held_since = self._held_since or now
        return now - self._held_since < HOLD_S
