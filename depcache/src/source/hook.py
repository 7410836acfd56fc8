"""Calls one hook of a build backend (PEP 517). Arguments: the request's file, the answer's file."""

import importlib
import json
import os
import sys


def main():
    # Kept: setuptools makes sys.argv its own.
    _, question, reply = sys.argv
    with open(question, encoding="utf-8") as file:
        request = json.load(file)
    places = [os.path.abspath(place) for place in request["backend_path"]]
    sys.path[:0] = places
    name, _, attributes = request["backend"].partition(":")
    backend = importlib.import_module(name)
    if places:
        where = os.path.abspath(getattr(backend, "__file__", None) or "")
        if not any(os.path.commonpath([place, where]) == place for place in places):
            sys.exit(f"the backend {name} was found at {where}, which is not below backend-path")
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    hook = getattr(backend, request["hook"], None)
    answer = {"missing": True} if hook is None else {"value": hook(*request["arguments"])}
    # Under a temporary name: a hook that is ended while this is written has given no answer.
    with open(reply + ".part", "w", encoding="utf-8") as file:
        json.dump(answer, file)
    os.rename(reply + ".part", reply)


main()
