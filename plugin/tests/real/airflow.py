"""A whole Airflow 3 on one machine: API server, scheduler, dag-processor, one Celery worker in the base."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

from tests.real.services import Processes, eventually, free_port, http_ok, start_postgres, start_redis
from tests.support.compose import BASE_ID

SOURCE = Path(__file__).resolve().parents[2] / "src"
REPOSITORY = "probes"
END_STATES = {"success", "failed", "upstream_failed", "skipped", "removed"}


class Airflow:
    """Starts on construction; `stop()` ends everything."""

    def __init__(self, base: Path, folder: Path) -> None:
        self.base, self.folder, self.volume = base, folder, folder / "volume"
        self.socket = folder / "agent.sock"
        for name in ("volume/envs", "volume/trees", "home", "logs"):
            (folder / name).mkdir(parents=True)
        self.processes = Processes(folder / "logs")
        try:
            self.environ = self._environ()
        except BaseException:
            self.processes.stop_all()
            raise

    def _environ(self) -> dict[str, str]:
        postgres, redis = start_postgres(self.processes, self.folder), start_redis(self.processes)
        self.port, log_port = free_port(), free_port()
        database = f"postgres@127.0.0.1:{postgres}/postgres"
        bundles = [{"name": REPOSITORY, "classpath": "updraft_airflow.bundle.UpdraftBundle", "kwargs": {"refresh_interval": 1}}]
        options = {
            "CORE__EXECUTOR": "CeleryExecutor",
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "CORE__FERNET_KEY": "6ZbLxVQ2nT9L1m3N2N2kqk8iG2vC6p6xQpKJ3rQ0b1A=",
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
            "API_AUTH__JWT_SECRET": "secret of the tests, " * 4,
            "API__SECRET_KEY": "secret of the tests",
            "API__PORT": str(self.port),
            "API__HOST": "127.0.0.1",
            "API__WORKERS": "1",
            "API__BASE_URL": f"http://127.0.0.1:{self.port}",
            "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
            "CELERY__BROKER_URL": f"redis://127.0.0.1:{redis}/0",
            "CELERY__RESULT_BACKEND": f"db+postgresql://{database}",
            "CELERY__WORKER_CONCURRENCY": "4",
            "LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs/tasks"),
            "LOGGING__WORKER_LOG_SERVER_PORT": str(log_port),
            "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
            "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3",
            "DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.folder / "bundles"),
        }
        return {
            "PATH": f"{self.base}/bin:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "AIRFLOW_HOME": str(self.folder / "home"),
            "AIRFLOW_CONN_PROBE_CONN": '{"conn_type": "probe", "host": "nowhere"}',
            # A path entry, as where the wheel is not installed in the image; the switch must keep it.
            "PYTHONPATH": str(SOURCE),
            **{f"AIRFLOW__{name}": value for name, value in options.items()},
        }

    def agent_environ(self) -> dict[str, str]:
        """What updraft-agent sets for its child."""
        return {
            **self.environ,
            "UPDRAFT_VOLUME": str(self.volume),
            "UPDRAFT_SOCKET": str(self.socket),
            "UPDRAFT_BASE_ID": BASE_ID,
            "UPDRAFT_WAIT_S": "3",
            "UPDRAFT_RESCHEDULE_DELAY_S": "1",
        }

    def start(self) -> None:
        """API server and scheduler without a volume, then the worker."""
        airflow = str(self.base / "bin/airflow")
        subprocess.run([airflow, "db", "migrate"], env=self.environ, check=True, capture_output=True)
        self.processes.start("api-server", [airflow, "api-server"], self.environ)
        self.processes.start("scheduler", [airflow, "scheduler"], self.environ)
        worker = [airflow, "celery", "worker", "-q", "default", "-H", "probe@%h", "--without-mingle", "--without-gossip"]
        self.worker_pid = self.processes.start("worker", worker, self.agent_environ()).pid
        eventually("the API server answers", lambda: http_ok(f"http://127.0.0.1:{self.port}/api/v2/monitor/health"))
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/auth/token", timeout=10) as response:
            self._token = json.load(response)["access_token"]

    def start_dag_processor(self, env_id: str | None) -> None:
        """In an environment, or in the base.

        Without UPDRAFT_BASE_ID it is no child of an agent and follows every flip; with it, it would wait for a successor
        (test_bundle).
        """
        prefix = self.volume / "envs" / env_id if env_id else self.base
        environ = self.agent_environ()
        del environ["UPDRAFT_BASE_ID"]
        environ["PATH"] = f"{prefix}/bin:{environ['PATH']}"
        self.processes.start("dag-processor", [str(prefix / "bin/airflow"), "dag-processor"], environ)

    def stop(self) -> None:
        self.processes.stop_all()

    def call(self, method: str, path: str, body: dict | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v2{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"authorization": f"Bearer {self._token}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)

    def version_of(self, dag_id: str) -> str | None:
        """Bundle version that new runs of a DAG get."""
        try:
            return self.call("GET", f"/dags/{dag_id}")["bundle_version"]
        except OSError:
            return None

    def trigger(self, dag_id: str, run_id: str, **conf: object) -> None:
        self.call("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": None, "dag_run_id": run_id, "conf": conf})

    def task(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}")

    def finished(self, dag_id: str, run_id: str, task_id: str, deadline_s: float = 90) -> dict[str, Any]:
        """The task instance once it has ended."""

        def ended() -> dict[str, Any] | None:
            task = self.task(dag_id, run_id, task_id)
            return task if task["state"] in END_STATES else None

        return eventually(f"{dag_id}.{task_id} of {run_id} ends", ended, deadline_s)  # type: ignore[return-value]

    def value(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.call("GET", path)["value"]
        return json.loads(value) if isinstance(value, str) and value.startswith("{") else value

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        return json.dumps(self.call("GET", path)["content"])


def base_of_the_tests() -> Path | None:
    """The Airflow 3 venv that the tests may use; None: skip."""
    path = os.environ.get("UPDRAFT_TEST_AIRFLOW")
    return Path(path) if path else None
