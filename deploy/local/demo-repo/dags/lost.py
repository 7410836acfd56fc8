"""A task whose first attempt works until somebody kills its worker; the second one is short."""

from __future__ import annotations

import datetime as dt
import time

try:
    from airflow.sdk import DAG, get_current_context, task
except ImportError:  # Airflow 2
    from airflow.decorators import task
    from airflow.models.dag import DAG
    from airflow.operators.python import get_current_context

with DAG("lost", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False):

    @task(queue="short", retries=1, retry_delay=dt.timedelta(seconds=1))
    def work() -> int:
        """Counts to a hundred at its first try, to two at its second."""
        attempt = get_current_context()["ti"].try_number
        total = 0
        for second in range(100 if attempt == 1 else 2):
            print(f"attempt {attempt} counts {second}", flush=True)
            total += sum(range(2_000_000))
            time.sleep(1)
        return total

    work()
