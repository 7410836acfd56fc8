"""Making a task's tree and environment ready, and what to tell Airflow when they cannot be."""

from __future__ import annotations

import datetime as dt
import logging
import os
import sys
from typing import NoReturn

from updraft_airflow import agent
from updraft_airflow.errors import NotReadyError, UpdraftError
from updraft_airflow.hold import hold
from updraft_airflow.process import Role
from updraft_airflow.switch import switch
from updraft_airflow.volume import Environment, Volume, env_id_of

log = logging.getLogger("updraft")

WAIT_S = 60
"""In-place wait for a missing tree or environment (UPDRAFT_WAIT_S): a cold fetch takes seconds; the slot is held meanwhile."""
RESCHEDULE_DELAY_S = 30
"""Pause before Airflow tries again (UPDRAFT_RESCHEDULE_DELAY_S); the slot is free meanwhile."""
RESCHEDULE_LIMIT_S = 1800
"""How long after its first reschedule a task may still be rescheduled (UPDRAFT_RESCHEDULE_LIMIT_S); then it fails."""
CALLBACK_EXIT_CODE = 75
"""Exit status of a callback child that cannot start: try again later."""


def _seconds(name: str, default: int) -> int:
    text = os.environ.get(name)
    if not text:
        return default
    if not text.isdecimal():
        raise UpdraftError(f"{name} is `{text}`; expected a whole number of seconds")
    return int(text)


def environment_on_volume(volume: Volume, publication: str, name: str) -> tuple[bool, Environment | None]:
    """Whether a publication is ready on this machine, and its environment for this base (None: the base itself)."""
    document = volume.publication(publication)
    if document is None or not volume.tree(publication).is_dir():
        return False, None
    env_id = env_id_of(document, name, os.environ.get("UPDRAFT_BASE_ID", ""))
    if env_id is None:
        return True, None
    environment = volume.environment(env_id)
    return environment.path.is_dir(), environment


def _held(volume: Volume, publication: str, name: str) -> bool:
    """Whether tree and environment are here, and stay here as long as this process lives."""
    ready, environment = environment_on_volume(volume, publication, name)
    if not ready or not hold(volume.document(publication)):
        return False
    return environment is None or hold(environment.document())


def ensure_tree(volume: Volume, publication: str) -> None:
    """Have a publication's files on this machine; for processes that do not switch."""
    if not volume.tree(publication).is_dir():
        wait_s = _seconds("UPDRAFT_WAIT_S", WAIT_S)
        agent.wait_for_tree(volume.repository, publication, volume.tree(publication).is_dir, wait_s)


def enter(volume: Volume, publication: str, name: str, role: Role) -> None:
    """Have the publication's tree and environment on this machine and switch this process to it."""
    try:
        wait_s = _seconds("UPDRAFT_WAIT_S", WAIT_S)
        agent.wait_for_tree(volume.repository, publication, lambda: _held(volume, publication, name), wait_s)
        environment = environment_on_volume(volume, publication, name)[1]
        if environment is None:
            log.info("Publication %s of %s has no environment; running in the base", publication, volume.repository)
            return
        switched = switch(environment)
    except NotReadyError as error:
        if role is Role.TASK:
            _reschedule(error)
        _end_callback(error)
    except UpdraftError as error:
        if role is Role.CALLBACK:
            _end_callback(error)
        raise
    if switched is not None:
        log.info(
            "Switched to environment %s of publication %s (%d packages extended, %.1f ms)",
            switched.env_id[:12],
            publication,
            switched.packages,
            switched.took_ms,
        )


def _reschedule(reason: NotReadyError) -> NoReturn:
    """Give the slot back and try later, at no cost in retries; after the limit the task fails with the reason."""
    from airflow.sdk.exceptions import AirflowRescheduleException

    now = dt.datetime.now(tz=dt.timezone.utc)
    first = _first_reschedule()
    if first is not None and (now - first).total_seconds() > _seconds("UPDRAFT_RESCHEDULE_LIMIT_S", RESCHEDULE_LIMIT_S):
        raise reason
    delay = dt.timedelta(seconds=_seconds("UPDRAFT_RESCHEDULE_DELAY_S", RESCHEDULE_DELAY_S))
    log.warning("%s; the task is rescheduled, no retry is used", reason)
    raise AirflowRescheduleException(now + delay) from reason


def _first_reschedule() -> dt.datetime | None:
    """When this try was first rescheduled, asked from Airflow. None the first time.

    A sensor in reschedule mode has its own reschedules in this figure; its in-place wait still applies.
    """
    from airflow.sdk.execution_time.comms import GetTaskRescheduleStartDate, TaskRescheduleStartDate
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS
    from structlog.contextvars import get_contextvars

    bound = get_contextvars()
    answer = SUPERVISOR_COMMS.send(GetTaskRescheduleStartDate(ti_id=bound["ti_id"], try_number=bound.get("try_number", 1)))
    return answer.start_date if isinstance(answer, TaskRescheduleStartDate) else None


def _end_callback(error: UpdraftError) -> NoReturn:
    """Airflow logs and forgets an exception here and would run the callback in the wrong environment."""
    log.error("The callback cannot start: %s", error)
    sys.exit(CALLBACK_EXIT_CODE)
