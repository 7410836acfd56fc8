"""The switch: this freshly forked process, from the base it started in to an environment. Once, and whole or not at all."""

from __future__ import annotations

import os
import site
import sys
import time
from dataclasses import dataclass

from updraft_airflow import caches, imports
from updraft_airflow.base import Base
from updraft_airflow.errors import AlreadySwitchedError, EnvironmentRefusedError
from updraft_airflow.shadowing import refuse_unfit
from updraft_airflow.volume import Environment, Volume

_switched_to: Environment | None = None


@dataclass(frozen=True)
class Switched:
    """What a switch did."""

    env_id: str
    packages: int
    """Imported packages whose search path was extended."""
    took_ms: float


def runs_in(environment: Environment) -> bool:
    """True when this process already belongs to `environment`: it was switched, or its interpreter is the environment's."""
    if _switched_to is not None:
        return _switched_to.env_id == environment.env_id
    return os.path.realpath(sys.prefix) == os.path.realpath(environment.path)


def runs_in_base(volume: Volume) -> bool:
    """True when this process belongs to no environment of the volume."""
    return _switched_to is None and os.path.realpath(volume.root / "envs") not in os.path.realpath(sys.prefix)


def switch(environment: Environment) -> Switched | None:
    """Switch this process to `environment`; None when it is already there.

    Raises EnvironmentRefusedError (nothing changed) when the environment is not fit for a running process.
    """
    global _switched_to
    if runs_in(environment):
        return None
    if _switched_to is not None:
        raise AlreadySwitchedError(_switched_to.env_id, environment.env_id)
    if not environment.site_packages.is_dir() or not environment.python.exists():
        raise EnvironmentRefusedError(
            f"{environment.path} is not an environment of Python {sys.version_info[0]}.{sys.version_info[1]}: "
            "bin/python or its site-packages is missing"
        )
    started = time.perf_counter()
    base = Base.here()
    refuse_unfit(environment, environment.manifest(), base)
    imports.redirect_path(environment, base)
    packages = imports.redirect_packages(environment, base)
    _redirect_interpreter(environment)
    _redirect_children(environment, base)
    caches.forget_providers()
    _switched_to = environment
    # Last: lines of a .pth are users' code and must find the finished environment.
    imports.run_path_lines(environment, base)
    return Switched(environment.env_id, packages, (time.perf_counter() - started) * 1000)


def _redirect_interpreter(environment: Environment) -> None:
    prefix, python = str(environment.path), str(environment.python)
    sys.prefix = sys.exec_prefix = prefix
    sys.executable = python
    site.PREFIXES[:] = [prefix]
    sys.pycache_prefix = None
    import multiprocessing.spawn

    multiprocessing.spawn.set_executable(python)
    # Celery's pool; not loaded by every Airflow process.
    billiard = sys.modules.get("billiard.spawn")
    if billiard is not None:
        billiard.set_executable(python)


def _redirect_children(environment: Environment, base: Base) -> None:
    """The process environment that commands of the task inherit."""
    bin_dir, base_bin = str(environment.path / "bin"), os.path.join(base.prefix, "bin")  # noqa: PTH118
    # The base's own bin may hold scripts of replaced distributions; /usr/bin holds the system and stays.
    rest = [p for p in os.environ.get("PATH", os.defpath).split(os.pathsep) if not (base.is_venv and p == base_bin)]
    os.environ["PATH"] = os.pathsep.join([bin_dir, *(p for p in rest if p != bin_dir)])
    os.environ["VIRTUAL_ENV"] = str(environment.path)
    for name in ("PYTHONHOME", "PYTHONPYCACHEPREFIX", "__PYVENV_LAUNCHER__"):
        os.environ.pop(name, None)
    # Never set by us; and the base's site directories, if someone exported them, would come before the environment's.
    python_path = os.environ.get("PYTHONPATH")
    if python_path:
        kept = [p for p in python_path.split(os.pathsep) if base.relative(os.path.normpath(p)) is None]
        if kept:
            os.environ["PYTHONPATH"] = os.pathsep.join(kept)
        else:
            del os.environ["PYTHONPATH"]
