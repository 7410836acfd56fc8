"""Shared by the probes: what broke, and whose code it was. Answers go to a file of their own, as one JSON document."""
import importlib.metadata
import json
import os
import re
import resource
import sys
import traceback

MESSAGE_CHARS = 2000
FRAMES = 12


# Bounds of this process and of each one that it starts, given by the caller: data bytes, processor seconds, file bytes.
for kind, limit in zip(("RLIMIT_DATA", "RLIMIT_CPU", "RLIMIT_FSIZE"), os.environ.pop("PROBE_LIMITS", "").split()):
    resource.setrlimit(getattr(resource, kind), (int(limit), int(limit)))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def normalised(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def owners():
    """Absolute file → distribution, and top-level module → distributions."""
    files, modules = {}, {}
    for dist in importlib.metadata.distributions():
        name = dist.metadata["Name"]
        if not name:
            continue
        for file in dist.files or ():
            if not file.parts or file.parts[0] in ("..", "/"):
                continue
            # The path as it is imported, links not followed: an environment links to its layers and its base.
            files[str(dist.locate_file(file))] = normalised(name)
            if file.suffix in (".py", ".so"):
                modules.setdefault(file.parts[0].partition(".")[0], set()).add(normalised(name))
    return files, modules


# How compiled modules say that NumPy (or another C API) is not the one they were built with.
ABI = (
    (re.compile(r"^(\w+)(?:\.\w+)* size changed, may indicate binary incompatibility"), None),
    (re.compile(r"_ARRAY_API not found|module compiled against (?:ABI|API) version|numpy\.core\.multiarray"), "numpy"),
    (re.compile(r"compiled using NumPy 1\.x cannot be run in"), "numpy"),
)


def culprit(error, failing, tables):
    """The distribution whose module broke the import: the module that an ImportError names, else the owner of the
    innermost frame that is installed code of another distribution than the failing one."""
    files, modules = tables

    def of_module(name):
        found = modules.get((name or "").partition(".")[0], ())
        return next(iter(found)) if len(found) == 1 else None

    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ImportError):
            path = getattr(error, "path", None)
            found = files.get(path) if path else None
            found = found or of_module(getattr(error, "name", None))
            if found and found != failing:
                return found
        for pattern, owner in ABI:
            match = pattern.search(str(error))
            if match:
                found = owner or of_module(match.group(1))
                if found and found != failing:
                    return found
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            found = files.get(frame.filename)
            if found:
                if found != failing:
                    return found
                break
        error = error.__cause__ or error.__context__
    return None


def told(error, inside=None):
    """The error as data; `inside` is the folder whose innermost frame is where a person looks first."""
    frames = [
        {"file": frame.filename, "line": frame.lineno or 0, "function": frame.name, "text": (frame.line or "")[:200]}
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    if isinstance(error, SyntaxError) and error.filename:
        text = (error.text or "").strip()[:200]
        frames.append({"file": error.filename, "line": error.lineno or 0, "function": "<module>", "text": text})
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    own = [frame for frame in frames if inside and frame["file"].startswith(inside + os.sep)]
    return {
        "exception": type(error).__name__,
        "message": (message or "")[:MESSAGE_CHARS],
        "place": own[-1] if own else None,
        "frames": frames[-FRAMES:],
    }


def answer(document):
    """Writes the answer where the caller looks for it: standard output belongs to whatever is imported."""
    path = sys.argv[1]
    with open(path + ".part", "w", encoding="utf-8", errors="backslashreplace") as out:
        json.dump(document, out)
    os.replace(path + ".part", path)
