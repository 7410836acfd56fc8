"""Forty short tasks on a queue of their own."""

from __future__ import annotations

import datetime as dt
import time

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow.decorators import task
    from airflow.models.dag import DAG

TASKS = 40

with DAG("fan_out", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False, max_active_tasks=TASKS):

    @task(queue="short", retries=0)
    def item(number: int) -> int:
        """A fraction of a second of work."""
        time.sleep(0.2)
        print(f"item {number}")
        return number

    item.expand(number=list(range(TASKS)))
