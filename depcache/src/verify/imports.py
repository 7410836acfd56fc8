# Imports the packages of the distributions named as arguments, one after the other. Follows frames.py.
import importlib
import time

NEVER = {"test", "tests", "doc", "docs", "example", "examples", "benchmark", "benchmarks", "setup", "conftest"}
PROVIDER = "apache-airflow-providers-"


def modules(dist):
    """The shallowest importable packages and modules: `pandas`, `airflow.providers.google`, `six`."""
    found = set()
    for file in dist.files or ():
        parts = file.parts
        if not parts or parts[0] in ("..", "/") or file.suffix not in (".py", ".so"):
            continue
        stem = parts[-1].partition(".")[0]
        is_package = stem == "__init__"
        name = parts[:-1] if is_package else (*parts[:-1], stem)
        # A module inside a folder belongs to that folder's package, which is listed by its own `__init__`.
        if not name or (len(name) > 1 and not is_package):
            continue
        if name[0] in NEVER or name[0].startswith("_") or not all(part.isidentifier() for part in name):
            continue
        found.add(name)
    shallow = {name for name in found if not any(name[:n] in found for n in range(1, len(name)))}
    return sorted(".".join(name) for name in shallow)


class NotAccepted(Exception):
    """Airflow itself refuses the provider: nobody else is to blame."""


def refused_providers():
    """Normalised name → reason, of each provider whose description breaks Airflow's schema.

    One of them is enough to end the discovery of all, and with it commands of Airflow that need it.
    """
    from airflow.providers_manager import ProvidersManager

    validator = getattr(ProvidersManager(), "_provider_schema_validator", None)
    refused = {}
    for dist in importlib.metadata.distributions():
        for entry in dist.entry_points:
            if entry.group == "apache_airflow_provider" and validator is not None:
                try:
                    validator.validate(entry.load()())
                except Exception as error:  # noqa: BLE001 - whatever it is, Airflow would end by it too
                    refused[normalised(dist.metadata["Name"])] = getattr(error, "message", None) or str(error)
    return refused


def provider_is_discovered(name, requested):
    """Airflow itself must list the provider, with the data that its own entry point gives."""
    from airflow.providers_manager import ProvidersManager

    for entry in importlib.metadata.distribution(name).entry_points:
        if entry.group == "apache_airflow_provider":
            if entry.load()().get("package-name") != name:
                raise NotAccepted(f"get_provider_info() of {name} names another package")
    try:
        providers = ProvidersManager().providers
    except Exception:
        refused = refused_providers()
        if name in refused:
            version = importlib.metadata.version("apache-airflow")
            raise NotAccepted(f"Airflow {version} cannot read what this provider says of itself, and lists no "
                              f"provider any more: {refused[name]}") from None
        if requested.intersection(refused):
            return  # told with that one
        raise
    if name not in providers:
        raise NotAccepted(f"Airflow's provider discovery does not list {name}")


def main():
    tables, results = owners(), []
    requested = {normalised(name) for name in sys.argv[2:]}
    for name in sys.argv[2:]:
        started, tried = time.monotonic(), []
        result = {"name": name, "modules": tried, "failure": None, "culprit": None}
        try:
            dist = importlib.metadata.distribution(name)
            for module in modules(dist):
                tried.append(module)
                importlib.import_module(module)
            if normalised(name).startswith(PROVIDER) and importlib.util.find_spec("airflow.providers_manager"):
                provider_is_discovered(name, requested)
        except BaseException as error:  # noqa: BLE001 - even SystemExit at import time is a failed import
            result["failure"] = told(error)
            alone = isinstance(error, NotAccepted)
            result["culprit"] = None if alone else culprit(error, normalised(name), tables)
        result["took_ms"] = int((time.monotonic() - started) * 1000)
        results.append(result)
    answer(results)


import importlib.util  # noqa: E402 - find_spec needs it named

main()
