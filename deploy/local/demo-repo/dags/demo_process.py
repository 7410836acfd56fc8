"""A module that two files of the repository share."""

from __future__ import annotations

import os
from pathlib import Path


def worker_pid() -> str:
    """Pid of the Celery worker that this task runs in: the ancestor whose title says so."""
    pid = os.getppid()
    while pid > 1:
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
        if title.startswith(b"[celeryd: ") and b":MainProcess]" in title:
            return str(pid)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        pid = int(stat.rsplit(")", 1)[1].split()[1])
    return "(none)"
