"""What can go wrong between a task and its environment. Each message says what to do, because people read it in a task log."""

from __future__ import annotations


class UpdraftError(RuntimeError):
    """Base of all errors of this package."""


class VolumeError(UpdraftError):
    """A published tree or its publication cannot be read."""


class NotReadyError(UpdraftError):
    """A tree or environment is not on this machine yet; waiting can help."""


class AgentError(UpdraftError):
    """The agent refused for good: asking again does not help."""


class EnvironmentRefusedError(UpdraftError):
    """An environment that this process must not be switched to."""


class ProcessModeError(EnvironmentRefusedError):
    """The environment replaces what task processes have loaded before they start."""

    def __init__(self, env_id: str, shadows: list[str]) -> None:
        super().__init__(
            f"environment {env_id[:12]} replaces {', '.join(shadows) or 'distributions'} of the base, which a task process "
            "has loaded before it can switch. It needs a worker process of its own (mode `process`). "
            "Pin the base's version in requirements.txt, or run this repository in process mode."
        )


class ShadowedModulesError(EnvironmentRefusedError):
    """Modules or libraries of a replaced distribution are already loaded."""

    def __init__(self, env_id: str, loaded: dict[str, list[str]]) -> None:
        told = "; ".join(f"{name}: {', '.join(files[:3])}" for name, files in sorted(loaded.items()))
        super().__init__(
            f"environment {env_id[:12]} replaces distributions whose files this process has already loaded ({told}). "
            "Mixing two versions in one process is not safe, so the task does not start. Pin the base's versions in "
            "requirements.txt, or run this repository in process mode."
        )


class PluginLayerError(EnvironmentRefusedError):
    """A layer brings Airflow plugins or listeners, which are inert in a worker that has started."""

    def __init__(self, env_id: str, names: list[str]) -> None:
        super().__init__(
            f"environment {env_id[:12]} brings Airflow plugins ({', '.join(names)}). Airflow loads plugins and listeners "
            "when a component starts, so they would do nothing here. Install them in the base image and take them out of "
            "requirements.txt."
        )


class AlreadySwitchedError(EnvironmentRefusedError):
    """One process, one environment."""

    def __init__(self, current: str, wanted: str) -> None:
        super().__init__(
            f"this process already runs in environment {current}; it cannot be switched to {wanted}. A task that needs "
            "two environments starts a process of the other one (`bin/python` of its folder)."
        )
