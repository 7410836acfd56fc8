"""The bundle inside Airflow's own processes, without a running Airflow: roles, holding back at a flip, callback children.

Needs UPDRAFT_TEST_AIRFLOW (a venv with Airflow 3).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from tests.real.airflow import REPOSITORY, SOURCE, base_of_the_tests
from tests.support.compose import BASE_ID, compose, flip, publish
from tests.support.layers import shape

CALLBACKS = """
import shape, sys
def told(path):
    with open(path, "w") as f: f.write(shape.__version__ + " " + sys.prefix)
"""
MAKE = f"""
from updraft_airflow.bundle import UpdraftBundle
import updraft_airflow.bundle as module
bundle = UpdraftBundle(name={REPOSITORY!r}, refresh_interval=1)
"""


@unittest.skipUnless(base_of_the_tests(), "UPDRAFT_TEST_AIRFLOW names no Airflow to test against")
class BundleTest(unittest.TestCase):
    base: ClassVar[Path]

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="updraft-bundle-")
        self.addCleanup(folder.cleanup)
        self.folder, self.volume = Path(folder.name), Path(folder.name, "volume")
        (self.volume / "envs").mkdir(parents=True)
        base = base_of_the_tests()
        assert base is not None
        self.base = base

    def publish(self, sequence: int, env_id: str | None, *, current: bool = True) -> str:
        return publish(self.volume, REPOSITORY, sequence, {"dags/calls.py": CALLBACKS}, env_id, current=current)

    def env(self, version: str) -> str:
        return compose(self.volume, self.base, [shape(version)])

    def run_python(self, code: str, *, prefix: Path | None = None, **environ: str) -> str:
        """Output of a script under Airflow's interpreter."""
        bundles = [{"name": REPOSITORY, "classpath": "updraft_airflow.bundle.UpdraftBundle", "kwargs": {}}]
        done = subprocess.run(
            [(prefix or self.base) / "bin" / "python", "-c", code],
            capture_output=True,
            text=True,
            timeout=120,
            env={
                "PATH": f"{self.base}/bin:/usr/bin:/bin",
                "HOME": str(self.folder),
                "AIRFLOW_HOME": str(self.folder / "home"),
                "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "PYTHONPATH": str(SOURCE),
                "UPDRAFT_VOLUME": str(self.volume),
                "UPDRAFT_BASE_ID": BASE_ID,
                "UPDRAFT_WAIT_S": "1",
                **environ,
            },
        )
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        return done.stdout

    def last(self, code: str, **environ: object) -> object:
        return json.loads(self.run_python(code, **environ).splitlines()[-1])  # type: ignore[arg-type]

    def test_importable_and_idle_without_a_volume(self) -> None:
        code = MAKE + "import json; print(json.dumps([bundle.get_current_version(), bundle.path.exists()]))"
        self.assertEqual(self.last(code, UPDRAFT_VOLUME="/nowhere"), [None, False])

    def test_managers_and_command_line_tools_are_never_switched(self) -> None:
        self.publish(1, self.env("1.0"))
        code = MAKE + "import json, sys; p = sys.prefix\nfor _ in range(3): bundle.initialize()\n"
        code += "print(json.dumps([sys.prefix == p, bundle.get_current_version().version, bundle.path.is_dir()]))"
        self.assertEqual(self.last(code), [True, self.publish(1, self.env("1.0")), True])

    def test_in_process_test_runs_and_triggerers_are_no_task_processes(self) -> None:
        code = """
import json
from airflow.sdk.execution_time import comms, task_runner
from updraft_airflow.process import role
seen = [role().value]
class Triggers(comms.CommsDecoder): pass
for channel in (object(), Triggers(socket=None), comms.CommsDecoder(socket=None)):
    task_runner.SUPERVISOR_COMMS = channel
    seen.append(role().value)
print(json.dumps(seen))"""
        self.assertEqual(self.last(code), ["other", "other", "other", "task"])

    def test_a_process_of_the_old_environment_leaves_the_new_publication_to_its_successor(self) -> None:
        old, new = self.env("1.0"), self.env("2.0")
        first, second = self.publish(1, old), self.publish(2, new, current=False)
        third = self.publish(3, new, current=False)
        code = MAKE + f"""
import json, os
from pathlib import Path
volume = Path({str(self.volume)!r})
def flip(publication):
    link = volume / "current" / {REPOSITORY!r}
    link.unlink(); link.symlink_to(f"../trees/{REPOSITORY}/" + publication)
seen = []
bundle.initialize(); seen.append(bundle.get_current_version().version)
flip({second!r}); bundle.refresh(); seen.append(bundle.get_current_version().version)
module.HOLD_S = 0; bundle.refresh(); seen.append(bundle.get_current_version().version)
module.HOLD_S = 120; flip({third!r})
print(json.dumps(seen))"""
        self.assertEqual(self.last(code, prefix=self.volume / "envs" / old), [first, first, second])
        flip(self.volume, REPOSITORY, second)
        code = MAKE + f"""
import json
bundle.initialize(); a = bundle.get_current_version().version
from pathlib import Path
link = Path({str(self.volume)!r}, "current", {REPOSITORY!r}); link.unlink(); link.symlink_to("../trees/{REPOSITORY}/{third}")
bundle.refresh(); print(json.dumps([a, bundle.get_current_version().version]))"""
        self.assertEqual(self.last(code, prefix=self.volume / "envs" / new), [second, third], "same environment: at once")

    def callback(self, env_id: str | None) -> tuple[object, str, str]:
        """Airflow's own callback supervisor forks a child and runs a callback of the tree; its verdict, result, log."""
        publication = self.publish(1, env_id)
        result = self.folder / "result"
        code = f"""
import json, uuid
from unittest import mock
from airflow.sdk.execution_time.callback_supervisor import supervise_callback
class Info: name = {REPOSITORY!r}; version = {publication!r}
try: status = supervise_callback(id=str(uuid.uuid4()), callback_path="unusual_prefix_x.told", callback_kwargs={{"path": {str(result)!r}}},
    dag_rel_path="calls.py", log_path={str(self.folder / "callback.log")!r}, bundle_info=Info, client=mock.MagicMock())
except RuntimeError as error: status = str(error)
print(json.dumps(status))"""
        options = {"AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder)}
        status = self.last(code, **options)
        log = self.folder / "callback.log"
        return status, result.read_text() if result.exists() else "", log.read_text() if log.exists() else ""

    def test_a_callback_child_runs_in_the_environment_of_its_version(self) -> None:
        env_id = self.env("1.0")
        status, result, log = self.callback(env_id)
        self.assertEqual((status, result), (0, f"1.0 {self.volume / 'envs' / env_id}"), log)

    def test_a_callback_child_without_its_environment_ends_instead_of_running_in_the_base(self) -> None:
        status, result, log = self.callback("e" * 64)
        self.assertEqual((status, result), ("Callback subprocess exited with code 75", ""), log)
        self.assertIn("The callback cannot start: publication", log)
