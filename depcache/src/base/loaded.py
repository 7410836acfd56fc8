"""Names the distributions that a ready Celery worker's task processes have loaded, as JSON on standard output.

Imports what such a process has imported when it calls the DAG bundle; what is not installed is skipped and
what cannot be imported outside a deployment is reported, not fatal.
"""
import importlib, importlib.metadata, json, os, re, sys

NEEDED = [
    # the worker command: `airflow celery worker` forks its pool from this process
    "airflow", "airflow.settings", "airflow.__main__", "airflow.cli.cli_parser",
    "airflow.providers.celery.cli.celery_command",
    "airflow.providers.celery.executors.celery_executor",
    "airflow.providers.celery.executors.celery_executor_utils",
    "celery.bin.worker", "celery.apps.worker", "celery.concurrency.prefork", "celery.backends.database",
    "kombu.transport.redis", "redis",
    # the task runner, up to `initialize()` of the bundle
    "airflow.sdk.execution_time.supervisor", "airflow.sdk.execution_time.task_runner",
    "airflow.sdk._shared.secrets_masker", "airflow.dag_processing.bundles.manager",
    "airflow.sdk.api.client", "airflow.logging_config",
    # the log server, which the worker command starts as a child
    "airflow.utils.serve_logs", "airflow.utils.serve_logs.core", "airflow.utils.serve_logs.log_server",
    # drivers that the connection settings of a deployment bring in
    "psycopg2", "sqlalchemy.dialects.postgresql",
]


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


out = os.dup(1)
os.dup2(2, 1)  # whatever is imported may print; standard output is ours
failed = {}
if importlib.util.find_spec("airflow") is not None:
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001 - even SystemExit of a settings module must not end the list
            failed[name] = "%s: %s" % (type(error).__name__, str(error)[:200])
    try:
        from airflow.providers_manager import ProvidersManager
        ProvidersManager().initialize_providers_list()
    except BaseException as error:  # noqa: BLE001
        failed["provider discovery"] = "%s: %s" % (type(error).__name__, str(error)[:200])

modules = set()
for module in list(sys.modules.values()):
    path = getattr(module, "__file__", None)
    if isinstance(path, str):
        modules.add(path)
loaded = set()
for dist in importlib.metadata.distributions():
    name = dist.metadata["Name"]
    path = getattr(dist, "_path", None)
    if not name or path is None:
        continue
    site = os.path.dirname(str(path))
    if any(os.path.join(site, str(file)) in modules for file in dist.files or ()):
        loaded.add(normalised(name))
os.write(out, json.dumps({"loaded": sorted(loaded), "failed": failed}).encode())
