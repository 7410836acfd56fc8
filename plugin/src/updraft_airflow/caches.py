"""Airflow's memory of what is installed, filled before the fork: forgotten after the switch. Nothing is imported for it."""

from __future__ import annotations

import sys

_MANAGERS = (
    ("airflow.providers_manager", "ProvidersManager"),
    ("airflow.sdk.providers_manager_runtime", "ProvidersManagerTaskRuntime"),
)
_ENTRY_POINTS = ("airflow._shared.module_loading", "airflow.sdk._shared.module_loading")


def forget_providers() -> list[str]:
    """Reset provider managers and entry point caches that are loaded; the names of what was reset."""
    reset: list[str] = []
    for module_name, class_name in _MANAGERS:
        manager = getattr(sys.modules.get(module_name), class_name, None)
        if manager is not None:
            manager._instance, manager._initialized = None, False
            reset.append(class_name)
    for module_name in _ENTRY_POINTS:
        cached = getattr(sys.modules.get(module_name), "_get_grouped_entry_points", None)
        if cached is not None and hasattr(cached, "cache_clear"):
            cached.cache_clear()
            reset.append(module_name)
    return reset
