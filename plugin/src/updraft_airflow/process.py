"""Which of Airflow's processes this is. A switch is right in two of them only: the task runner and the callback child."""

from __future__ import annotations

import enum
import sys
from types import FrameType

_TASK_RUNNER = "airflow.sdk.execution_time.task_runner"
_CALLBACK_SUPERVISOR = "airflow.sdk.execution_time.callback_supervisor"
_COMMS = "airflow.sdk.execution_time.comms"


class Role(enum.Enum):
    """What the process is for."""

    TASK = "task"
    """Runs one task; Airflow reports errors and honours its reschedule exception."""
    CALLBACK = "callback"
    """Runs one callback; Airflow swallows what `initialize()` raises."""
    OTHER = "other"
    """CLI, scheduler, API server, dag-processor, triggerer, `dag.test()`: never switched."""


def role() -> Role:
    """The role of this process, without importing anything.

    `SUPERVISOR_COMMS` is set in exactly the children that Airflow forks to run users' code. Its type tells `dag.test()`
    (in-process) and the triggerer (a subclass) apart from them. A callback child is one that its supervisor's module
    is on the stack of: it is forked from there.
    """
    runner, comms = sys.modules.get(_TASK_RUNNER), sys.modules.get(_COMMS)
    channel = getattr(runner, "SUPERVISOR_COMMS", None)
    if channel is None or comms is None or type(channel) is not comms.CommsDecoder:
        return Role.OTHER
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == _CALLBACK_SUPERVISOR:
            return Role.CALLBACK
        frame = frame.f_back
    return Role.TASK
