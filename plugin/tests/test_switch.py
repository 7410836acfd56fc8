"""The switch of a bare interpreter: a venv is the base, an environment is composed over it, a child process switches.

Plain Python: no Airflow needed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import unittest
import venv
from pathlib import Path
from typing import ClassVar

from tests.support.compose import compose, site_packages
from tests.support.layers import distribution, shape, write

SOURCE = Path(__file__).resolve().parents[1] / "src"
PRELUDE = f"""
import sys, os, json; sys.path.append({str(SOURCE)!r})
from pathlib import Path
from updraft_airflow import switch as S
from updraft_airflow.volume import Environment
"""


class SwitchTest(unittest.TestCase):
    base: ClassVar[Path]
    volume: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.base, cls.volume = Path(folder.name, "base"), Path(folder.name, "volume")
        (cls.volume / "envs").mkdir(parents=True)
        venv.create(cls.base, symlinks=True)
        host = {"host/__init__.py": "", "host/inner/__init__.py": "", "host/plugins/mine.py": "", "host/lone/__init__.py": ""}
        for part in (
            distribution("host", "1.0", host),
            distribution("settled", "1.0", {"settled.py": "V = 1\n", "settled.pth": "import settled\n"}),
        ):
            write(site_packages(cls.base), part)

    def run_in_base(self, env_id: str, code: str, **environ: str) -> dict:
        script = PRELUDE + f"env = Environment(Path({str(self.volume / 'envs' / env_id)!r}))\n" + code
        done = subprocess.run(
            [self.base / "bin" / "python", "-c", script],
            capture_output=True,
            text=True,
            timeout=60,
            env={"PATH": f"{self.base}/bin:/usr/bin:/bin", **environ},
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout.splitlines()[-1])

    def refusal(self, env_id: str, before: str = "") -> str:
        code = before + "\ntry: S.switch(env); r = None\nexcept Exception as e: r = [type(e).__name__, str(e), sys.prefix]\n"
        name, message, prefix = self.run_in_base(env_id, code + "print(json.dumps(r))")
        self.assertEqual(prefix, str(self.base), "a refusal changes nothing")
        return f"{name}: {message}"

    def env(self, *parts: dict[str, str], **options: object) -> str:
        return compose(self.volume, self.base, parts, **options)  # type: ignore[arg-type]

    def test_everything_belongs_to_the_environment(self) -> None:
        env_id = self.env(shape("1.0"))
        root = self.volume / "envs" / env_id
        got = self.run_in_base(
            env_id,
            """
import multiprocessing.spawn, subprocess
done = S.switch(env)
import shape, shape_vendor
child = subprocess.run(["python", "-c", "import sys, shape; print(sys.prefix, shape.__version__)"], capture_output=True, text=True)
print(json.dumps({"path": sys.path, "prefix": [sys.prefix, sys.exec_prefix], "exe": sys.executable, "PATH": os.environ["PATH"],
  "VIRTUAL_ENV": os.environ["VIRTUAL_ENV"], "spawn": os.fsdecode(multiprocessing.spawn.get_executable()), "child": child.stdout,
  "shape": [shape.__version__, shape_vendor.VERSION, shape.pth_line_ran], "again": S.switch(env), "ms": done.took_ms,
  "unset": [os.environ.get(n) for n in ("PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONHOME")], "cache": sys.pycache_prefix}))""",
            PYTHONPYCACHEPREFIX="/nowhere",
        )
        self.assertIn(str(site_packages(root)), got["path"])
        self.assertNotIn(str(site_packages(self.base)), got["path"])
        self.assertEqual(got["prefix"], [str(root)] * 2)
        self.assertEqual(got["exe"], str(root / "bin/python"))
        self.assertEqual(got["spawn"], str(root / "bin/python"))
        self.assertEqual(got["VIRTUAL_ENV"], str(root))
        self.assertEqual(got["PATH"].split(":")[0], str(root / "bin"))
        self.assertNotIn(str(self.base / "bin"), got["PATH"].split(":"))
        self.assertEqual(got["child"].split(), [str(root), "1.0"])
        self.assertEqual(got["shape"], ["1.0", "1.0", True])
        self.assertEqual(got["unset"], [None] * 3)
        self.assertIsNone(got["cache"])
        self.assertIsNone(got["again"], "a second switch to the same environment is no switch")

    def test_python_path_keeps_foreign_folders_and_loses_the_base(self) -> None:
        got = self.run_in_base(
            self.env(shape("1.0")),
            "S.switch(env); print(json.dumps(os.environ['PYTHONPATH']))",
            PYTHONPATH=f"/opt/plugins:{site_packages(self.base)}",
        )
        self.assertEqual(got, "/opt/plugins")

    def test_only_extended_packages_change_and_see_the_layer(self) -> None:
        layer = distribution("host-extra", "1.0", {"host/inner/added.py": "X = 1\n", "host/data.txt": "layer", "host/plugins/more.py": ""})
        got = self.run_in_base(
            self.env(layer),
            """
import host, host.inner, host.lone, host.plugins.mine, importlib.resources
lone = list(host.lone.__path__)
packages = S.switch(env).packages
import host.inner.added, host.plugins.more
print(json.dumps({"n": packages, "lone": lone == host.lone.__path__, "data": importlib.resources.files(host).joinpath("data.txt").read_text(),
  "spec": host.__spec__.submodule_search_locations == host.__path__, "path": host.__path__}))""",
        )
        self.assertEqual(got["n"], 2, "host and host.inner; host.plugins is a namespace and follows, host.lone is the base's own")
        self.assertTrue(got["lone"])
        self.assertTrue(got["spec"])
        self.assertEqual(got["data"], "layer")

    def test_path_lines_of_the_base_run_once(self) -> None:
        got = self.run_in_base(
            self.env(shape("1.0")),
            "import settled; settled.V = 2; S.switch(env); print(json.dumps([settled.V, sys.modules['settled'] is settled]))",
        )
        self.assertEqual(got, [2, True])

    def test_switches_once(self) -> None:
        first, second = self.env(shape("1.0")), self.env(shape("2.0"))
        got = self.run_in_base(
            first,
            f"S.switch(env)\ntry: S.switch(Environment(Path({str(self.volume / 'envs' / second)!r})))\n"
            "except Exception as e: print(json.dumps(type(e).__name__))",
        )
        self.assertEqual(got, "AlreadySwitchedError")

    def test_an_interpreter_of_the_environment_is_not_switched(self) -> None:
        env_id = self.env(shape("1.0"))
        script = PRELUDE + f"print(S.switch(Environment(Path({str(self.volume / 'envs' / env_id)!r}))))"
        python = self.volume / "envs" / env_id / "bin" / "python"
        done = subprocess.run([python, "-c", script], capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(done.stdout.strip(), "None")

    def test_refuses_process_mode(self) -> None:
        told = self.refusal(self.env(shape("1.0"), mode="process", shadows=["pydantic"]))
        self.assertRegex(told, "ProcessModeError.*replaces pydantic of the base.*worker process of its own")

    def test_refuses_plugins(self) -> None:
        env_id = self.env(shape("1.0"), entry_points={"airflow.plugins": {"lineage": "lineage:Plugin"}})
        self.assertRegex(self.refusal(env_id), r"PluginLayerError.*Airflow plugins \(lineage\).*base image")

    def test_refuses_a_shadow_of_what_is_loaded_and_only_that(self) -> None:
        env_id = self.env(distribution("settled", "2.0", {"settled.py": "V = 9\n"}), shadows=["settled"])
        self.assertRegex(self.refusal(env_id, "import settled"), r"ShadowedModulesError.*settled: settled\.py")
        free = self.env(distribution("host", "2.0", {"host/__init__.py": "V = 2\n"}), shadows=["host"])
        self.assertEqual(self.run_in_base(free, "S.switch(env); import host; print(json.dumps(host.V))"), 2)

    def test_refuses_a_folder_that_is_no_environment(self) -> None:
        (self.volume / "envs" / "half").mkdir(exist_ok=True)
        self.assertIn("is not an environment of Python", self.refusal("half"))


if __name__ == "__main__":
    sys.exit(unittest.main())
