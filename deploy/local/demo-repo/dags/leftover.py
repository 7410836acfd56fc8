"""A task that ends and leaves a process behind, as a forgotten `nohup … &` does."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

try:
    from airflow.sdk import DAG, get_current_context, task
except ImportError:  # Airflow 2
    from airflow.decorators import task
    from airflow.models.dag import DAG
    from airflow.operators.python import get_current_context

# Burns a tenth of a CPU for as many seconds as it is told.
BURN = """
import sys, time
end = time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    busy = time.monotonic() + 0.1
    while time.monotonic() < busy:
        pass
    time.sleep(0.9)
"""

with DAG("leftover", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False):

    @task(retries=0)
    def leave() -> int:
        """Starts the process in a session of its own and does not wait for it; `seconds` is how long it lives."""
        seconds = (get_current_context()["dag_run"].conf or {}).get("seconds", 45)
        process = subprocess.Popen(
            [sys.executable, "-c", BURN, str(seconds)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        print(f"left process {process.pid} behind")
        return process.pid

    leave()
