"""Two minutes of work that says every second that it lives, and a task after it in the same run."""

from __future__ import annotations

import datetime as dt
import time

import pandas as pd
from demo_process import worker_pid

try:
    from airflow.sdk import DAG, get_current_context, task
except ImportError:  # Airflow 2
    from airflow.decorators import task
    from airflow.models.dag import DAG
    from airflow.operators.python import get_current_context

with DAG("two_minutes", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False):

    @task(retries=0)
    def work() -> str:
        """Ticks once a second; `seconds` in the run's configuration shortens it."""
        seconds = int((get_current_context()["dag_run"].conf or {}).get("seconds", 120))
        for second in range(seconds):
            print(f"tick {second} with pandas {pd.__version__}", flush=True)
            time.sleep(1)
        return pd.__version__

    @task(retries=0)
    def after(before: str) -> dict[str, str]:
        """Runs when the environment may have changed; the run is pinned to the first one."""
        return {"before": before, "after": pd.__version__, "worker": worker_pid()}

    after(work())
