"""Imports the packages of the distributions named as arguments, one after the other, as JSON on standard output."""
import importlib, importlib.metadata, json, os, sys, time, traceback

out = os.dup(1)
os.dup2(2, 1)  # whatever is imported may print; standard output is ours
TOP = {"tests", "test", "docs", "examples", "benchmarks", "bin", "scripts"}


def modules(dist):
    """The shallowest importable packages and modules: `pandas`, `airflow.providers.google`."""
    found = set()
    for file in dist.files or ():
        parts = file.parts
        if parts[0] in ("..", "bin") or any("-" in part or part == "__pycache__" for part in parts[:-1]):
            continue
        last = parts[-1].split(".")
        if last[-1] not in ("py", "so") or parts[-1].startswith("_") and parts[-1] != "__init__.py":
            continue
        name = parts[:-1] if parts[-1] == "__init__.py" else (*parts[:-1], last[0])
        if not name or name[0] in TOP or name[0].startswith("_") or name[0] == "setup":
            continue
        if len(name) > 1 and parts[-1] != "__init__.py":
            continue
        found.add(name)
    shallow = {name for name in found if not any(name[:n] in found for n in range(1, len(name)))}
    return sorted(".".join(name) for name in shallow)


def owner_of(path, owners={}):
    if not owners:
        for dist in importlib.metadata.distributions():
            for file in dist.files or ():
                owners[str(dist.locate_file(file))] = dist.metadata["Name"]
    return owners.get(path)


def culprit(error, failing):
    """The distribution in which the import broke, when it is another one."""
    name = getattr(error, "name", None)
    if isinstance(error, ImportError) and name:
        module = sys.modules.get(name) or sys.modules.get(name.partition(".")[0])
        owner = owner_of(getattr(module, "__file__", None) or "")
        if owner and owner.lower() != failing.lower():
            return owner
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        owner = owner_of(frame.f_code.co_filename)
        if owner:
            return owner if owner.lower() != failing.lower() else None
    return None


results = []
for name in sys.argv[1:]:
    started, tried = time.monotonic(), []
    result = {"name": name, "modules": tried, "error": None, "culprit": None}
    try:
        for module in modules(importlib.metadata.distribution(name)):
            tried.append(module)
            importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - even SystemExit at import time is a failed import
        result["error"] = "%s: %s" % (type(error).__name__, str(error)[:500])
        result["culprit"] = culprit(error, name)
    result["took_ms"] = int((time.monotonic() - started) * 1000)
    results.append(result)
os.write(out, json.dumps(results).encode())
