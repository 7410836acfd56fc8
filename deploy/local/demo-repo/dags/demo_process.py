"""A module that two files of the repository share."""

from __future__ import annotations

import os
from pathlib import Path


def worker_pid() -> str:
    """Pid of the Celery worker that this task runs in: the task's process, its supervisor, the worker."""
    supervisor = os.getppid()
    stat = Path(f"/proc/{supervisor}/stat").read_text(encoding="utf-8")
    return stat.rsplit(")", 1)[1].split()[1]
