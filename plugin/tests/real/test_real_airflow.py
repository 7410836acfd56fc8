"""Task mode on real Airflow: one unmodified Celery worker in the base, hand-made environments, no restarts.

Needs UPDRAFT_TEST_AIRFLOW (a venv with Airflow 3, celery and postgres providers), redis-server and PostgreSQL.
"""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from tests.real.airflow import REPOSITORY, Airflow, base_of_the_tests
from tests.real.services import eventually
from tests.support.agent_socket import AgentSocket
from tests.support.compose import compose, publish, site_packages
from tests.support.layers import distribution, provider, shape

DAG_FILE = Path(__file__).parent / "dags" / "probe_dag.py"


@unittest.skipUnless(base_of_the_tests(), "UPDRAFT_TEST_AIRFLOW names no Airflow to test against")
class RealAirflowTest(unittest.TestCase):
    airflow: ClassVar[Airflow]
    sequence = 0

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="updraft-plugin-", ignore_cleanup_errors=True)
        cls.addClassCleanup(folder.cleanup)
        Path(folder.name).chmod(0o755)  # PostgreSQL's user passes through
        base = base_of_the_tests()
        assert base is not None
        cls.airflow = Airflow(base, Path(folder.name))
        cls.addClassCleanup(cls.airflow.stop)
        cls.airflow.start()
        cls.first = cls.env(shape("1.0"))
        cls.airflow.start_dag_processor(cls.first)
        cls.serve(cls.first)

    @classmethod
    def env(cls, *parts: dict[str, str], **options: object) -> str:
        return compose(cls.airflow.volume, cls.airflow.base, [provider(), *parts], **options)  # type: ignore[arg-type]

    @classmethod
    def serve(cls, env_id: str, *, roll: bool = False) -> str:
        """Publish the DAGs with this environment and wait until new runs get the publication.

        `roll` moves the dag-processor into it, as `updraft-agent run` does at a flip; every environment here parses the DAGs.
        """
        RealAirflowTest.sequence += 1
        files = {"dags/probe_dag.py": DAG_FILE.read_text()}
        publication = publish(cls.airflow.volume, REPOSITORY, RealAirflowTest.sequence, files, env_id)
        if roll:
            cls.airflow.processes.stop("dag-processor")
            cls.airflow.start_dag_processor(env_id)
        for dag_id in ("probe", "waits", "short"):
            eventually(f"{dag_id} is parsed from {publication}", lambda d=dag_id: cls.airflow.version_of(d) == publication)
        return publication

    def test_a_task_belongs_to_its_environment(self) -> None:
        env_id, airflow = self.first, self.airflow
        self.serve(env_id)
        root = airflow.volume / "envs" / env_id
        airflow.trigger("probe", "sees")
        ended = {t: airflow.finished("probe", "sees", t) for t in ("operator", "bash", "bash_shape", "hook", "sees", "parent")}
        for task_id, task in ended.items():
            self.assertEqual(task["state"], "success", airflow.task_log("probe", "sees", task_id))
        value = {t: airflow.value("probe", "sees", t) for t in ended}
        with self.subTest("a provider that only a layer brings: operator, hook"):
            self.assertEqual(value["operator"], "operator of the layer with shape 1.0")
            self.assertEqual(value["hook"], "hook of the layer")
        with self.subTest("commands of the task: python and the layer's script"):
            self.assertEqual(value["bash_shape"], "1.0")
            self.assertEqual(value["bash"], "shape 1.0")
            self.assertIn(f"{root} 1.0", airflow.task_log("probe", "sees", "bash"))
        sees = value["sees"]
        with self.subTest("interpreter"):
            self.assertEqual(sees["prefix"], str(root))
            self.assertEqual(sees["executable"], str(root / "bin/python"))
            self.assertEqual(sees["multiprocessing"], str(root / "bin/python"))
            self.assertEqual(sees["billiard"], str(root / "bin/python"))
            self.assertEqual(sees["spawned"], str(root))
            self.assertEqual(sees["VIRTUAL_ENV"], str(root))
        with self.subTest("paths"):
            self.assertEqual(sees["PATH"].split(":")[0], str(root / "bin"))
            self.assertNotIn(str(airflow.base / "bin"), sees["PATH"].split(":"))
            self.assertIn(str(site_packages(root)), sees["path"])
            self.assertNotIn(str(site_packages(airflow.base)), sees["path"])
            self.assertNotIn("site-packages", sees["PYTHONPATH"] or "")
        with self.subTest("discovery and resources"):
            self.assertIn("apache-airflow-providers-probe", sees["providers"])
            self.assertIn("apache-airflow-providers-celery", sees["providers"])
            self.assertEqual(sees["resource"], "resource of the layer")
        with self.subTest("a log line says which environment"):
            self.assertIn(f"Switched to environment {env_id[:12]}", airflow.task_log("probe", "sees", "sees"))

    def test_two_environments_at_the_same_time_without_restart(self) -> None:
        airflow = self.airflow
        gate = airflow.folder / "gate"
        self.serve(self.env(shape("1.0")))
        airflow.trigger("waits", "old", gate=str(gate))
        eventually("the old run's first task runs", lambda: airflow.task("waits", "old", "before")["state"] == "running")
        self.serve(self.env(shape("2.0")), roll=True)
        airflow.trigger("short", "new")
        self.assertEqual(airflow.finished("short", "new", "run")["state"], "success")
        self.assertEqual(airflow.value("short", "new", "run"), "2.0")
        self.assertEqual(airflow.task("waits", "old", "before")["state"], "running")
        gate.touch()
        self.assertEqual(airflow.finished("waits", "old", "after")["state"], "success")
        self.assertEqual(airflow.value("waits", "old", "after"), "1.0 1.0", "the pinned run keeps code and environment")
        airflow.trigger("probe", "same-worker")
        airflow.finished("probe", "same-worker", "parent")
        self.assertEqual(airflow.value("probe", "same-worker", "parent"), airflow.worker_pid)

    def test_a_missing_environment_is_asked_for_and_then_rescheduled_without_a_retry(self) -> None:
        airflow = self.airflow
        env_id = self.env(shape("3.0"))
        path = airflow.volume / "envs" / env_id
        path.rename(airflow.folder / "hidden")
        publication = self.serve(env_id)
        busy = [True]

        def answer(_: str) -> tuple[int, dict]:
            if busy[0]:
                return 503, {"reason": "layer 2 of 3"}
            if not path.exists():
                (airflow.folder / "hidden").rename(path)
            return 200, {"tree": "", "environment": {"id": env_id, "path": str(path), "mode": "task"}, "took_ms": 1}

        with AgentSocket(airflow.socket, answer) as agent:
            airflow.trigger("short", "later")
            eventually("it is rescheduled", lambda: airflow.task("short", "later", "run")["state"] == "up_for_reschedule")
            busy[0] = False
            task = airflow.finished("short", "later", "run")
        self.assertEqual((task["state"], task["try_number"]), ("success", 1), airflow.task_log("short", "later", "run"))
        self.assertEqual(airflow.value("short", "later", "run"), "3.0")
        self.assertEqual(set(agent.requests), {f"/v1/trees/{REPOSITORY}/{publication}"})
        self.assertIn("layer 2 of 3; the task is rescheduled, no retry is used", airflow.task_log("short", "later", "run"))

    def refused(self, run_id: str, env_id: str) -> str:
        self.serve(env_id)
        self.airflow.trigger("short", run_id)
        self.assertEqual(self.airflow.finished("short", run_id, "run")["state"], "failed")
        return self.airflow.task_log("short", run_id, "run")

    def test_unfit_environments_are_refused_in_words(self) -> None:
        with self.subTest("shadows a loaded distribution"):
            newer = distribution("pydantic", "99.0", {"shape_note.txt": ""})
            # Composed by hand with the base's own pydantic in place, so that everything but the manifest fits.
            told = self.refused("shadow", self.env(shape("4.0"), newer, shadows=["pydantic"], keep_shadowed=True))
            self.assertIn("replaces distributions whose files this process has already loaded (pydantic:", told)
        with self.subTest("process mode"):
            told = self.refused("process", self.env(shape("5.0"), mode="process", lock_id="5"))
            self.assertIn("needs a worker process of its own", told)
        with self.subTest("plugins"):
            told = self.refused("plugins", self.env(shape("6.0"), entry_points={"airflow.plugins": {"lineage": "x:Y"}}))
            self.assertIn("brings Airflow plugins (lineage)", told)

    def test_api_server_and_scheduler_need_no_volume(self) -> None:
        for name in ("api-server", "scheduler"):
            with self.subTest(name):
                self.assertNotIn("Traceback", self.airflow.processes.log(name))
