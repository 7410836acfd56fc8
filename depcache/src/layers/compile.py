"""Compiles Python files for a layer. Reads one JSON request per line, forks a child per request.

A child starts from the same memory whatever was compiled before it: marshal writes back-references by reference
count, so a process with a history would give other bytes for the same source.
"""
import sys

sys.path[:] = [path for path in sys.path if path]  # never the working directory
import importlib._bootstrap_external as bootstrap
import importlib.util
import json
import os

OUT = os.dup(1)
os.dup2(2, 1)
LOADER = bootstrap.SourceFileLoader("layer", "layer")


def say(*words):
    os.write(OUT, (json.dumps(words) + "\n").encode())


def compile_one(root, path):
    with open(os.path.join(root, path), "rb") as file:
        source = file.read()
    try:
        # The relative name goes into the bytecode; importlib corrects it when it loads the module.
        code = LOADER.source_to_code(source, path)
    except MemoryError:
        raise
    except Exception as error:  # as compileall: what does not compile stays a source file without bytecode
        return say("skipped", path, type(error).__name__ + ": " + str(error)[:200])
    target = importlib.util.cache_from_source(path, optimization="")
    data = bootstrap._code_to_hash_pyc(code, importlib.util.source_hash(source), checked=False)
    full = os.path.join(root, target)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as file:
        file.write(data)
    say("compiled", path, target)


say("ready", sys.implementation.cache_tag, int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little"))
for line in sys.stdin:
    request = json.loads(line)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for path in request["paths"]:
                compile_one(request["root"], path)
            status = 0
        finally:
            os._exit(status)
    say("end", os.waitpid(child, 0)[1])
