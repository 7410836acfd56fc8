"""Hand-made layers: what a wheel unpacks to, written file by file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Files = Mapping[str, str]


def distribution(name: str, version: str, files: Files, entry_points: str = "") -> dict[str, str]:
    """`files` plus a dist-info with METADATA, RECORD and entry points."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    layer = dict(files)
    layer[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    if entry_points:
        layer[f"{info}/entry_points.txt"] = entry_points
    layer[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*layer, f"{info}/RECORD"])
    return layer


def shape(version: str) -> dict[str, str]:
    """A library with a `.pth` file, in the role of pandas."""
    return distribution(
        "shape",
        version,
        {
            "shape/__init__.py": f"__version__ = '{version}'\n",
            "shape_vendored/shape_vendor.py": f"VERSION = '{version}'\n",
            "shape.pth": "shape_vendored\nimport shape; shape.pth_line_ran = True\n",
            "bin/shape": f"#!/bin/sh\necho shape {version}\n",
        },
    )


PROVIDER_INFO = """
def get_provider_info():
    return {
        "package-name": "apache-airflow-providers-probe", "name": "Probe", "description": "A provider of a layer.",
        "connection-types": [
            {"connection-type": "probe", "hook-class-name": "airflow.providers.probe.hooks.probe.ProbeHook"}
        ],
        "hooks": [{"integration-name": "Probe", "python-modules": ["airflow.providers.probe.hooks.probe"]}],
    }
"""
HOOK = """
from airflow.sdk.bases.hook import BaseHook
class ProbeHook(BaseHook):
    conn_name_attr = "probe_conn_id"; default_conn_name = "probe_default"; conn_type = "probe"; hook_name = "Probe"
    def __init__(self, probe_conn_id="probe_default", **kwargs):
        super().__init__(**kwargs); self.probe_conn_id = probe_conn_id
    def answer(self):
        return "hook of the layer"
"""
OPERATOR = """
from airflow.sdk import BaseOperator
class ProbeOperator(BaseOperator):
    def execute(self, context):
        import shape
        return "operator of the layer with shape " + shape.__version__
"""


def provider() -> dict[str, str]:
    """A provider that only a layer brings, and a data file beside the base's `airflow/__init__.py`."""
    return distribution(
        "apache-airflow-providers-probe",
        "1.0.0",
        {
            "airflow/providers/probe/__init__.py": "",
            "airflow/providers/probe/get_provider_info.py": PROVIDER_INFO,
            "airflow/providers/probe/hooks/__init__.py": "",
            "airflow/providers/probe/hooks/probe.py": HOOK,
            "airflow/providers/probe/operators/__init__.py": "",
            "airflow/providers/probe/operators/probe.py": OPERATOR,
            "airflow/probe_resource.txt": "resource of the layer",
        },
        "[apache_airflow_provider]\n"
        "provider_info = airflow.providers.probe.get_provider_info:get_provider_info\n",
    )


def write(site_packages: Path, layer: Files) -> None:
    """Write a layer's files; `bin/…` goes beside `lib`, as a wheel's scripts do."""
    root = site_packages.parents[2]
    for relative, text in layer.items():
        target = root / relative if relative.startswith("bin/") else site_packages / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        if relative.startswith("bin/"):
            target.chmod(0o755)
