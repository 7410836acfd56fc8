"""What a task sees of its environment. Parsed by a dag-processor in the environment, run in the base's worker."""

from __future__ import annotations

import datetime as dt
import json

import shape
from airflow.providers.probe.operators.probe import ProbeOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, get_current_context, task

assert shape.__version__

with DAG("probe", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False):
    ProbeOperator(task_id="operator")
    BashOperator(task_id="bash", bash_command="python -c 'import sys, shape; print(sys.prefix, shape.__version__)'; shape")
    BashOperator(task_id="bash_shape", bash_command="python -c 'import shape; print(shape.__version__)'", do_xcom_push=True)

    @task
    def hook() -> str:
        from airflow.sdk import BaseHook

        return BaseHook.get_connection("probe_conn").get_hook().answer()

    @task
    def sees() -> str:
        import importlib.resources
        import multiprocessing.spawn
        import os
        import subprocess
        import sys

        import airflow
        import billiard.spawn
        from airflow.providers_manager import ProvidersManager

        # Celery's pool children are daemonic, so no pool can be started here; what it would start can.
        command = [os.fsdecode(multiprocessing.spawn.get_executable()), "-c", "import sys; print(sys.prefix)"]
        spawned = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        return json.dumps(
            {
                "prefix": sys.prefix,
                "executable": sys.executable,
                "multiprocessing": os.fsdecode(multiprocessing.spawn.get_executable()),
                "billiard": os.fsdecode(billiard.spawn.get_executable()),
                "path": sys.path,
                "PATH": os.environ["PATH"],
                "VIRTUAL_ENV": os.environ.get("VIRTUAL_ENV"),
                "PYTHONPATH": os.environ.get("PYTHONPATH"),
                "spawned": spawned,
                "resource": importlib.resources.files(airflow).joinpath("probe_resource.txt").read_text(),
                "providers": [p for p in ProvidersManager().providers if "probe" in p or "celery" in p],
                "shape": shape.__version__,
            }
        )

    @task
    def parent() -> int:
        import os

        import psutil

        return [p.pid for p in psutil.Process(os.getpid()).parents()][1]

    hook(), sees(), parent()

with DAG("waits", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False):

    @task
    def before() -> str:
        """Runs until the test has flipped the tree."""
        import time
        from pathlib import Path

        gate = Path(get_current_context()["dag_run"].conf["gate"])
        for _ in range(1200):
            if gate.exists():
                return shape.__version__
            time.sleep(0.1)
        raise TimeoutError

    @task
    def after(first: str) -> str:
        return f"{first} {shape.__version__}"

    after(before())

with DAG("short", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False):

    @task(retries=0)
    def run() -> str:
        return shape.__version__

    run()
