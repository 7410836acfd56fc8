"""Answers of `packaging`: one JSON question per line of standard input, one JSON answer per line of output."""

import json
import sys

from packaging.markers import InvalidMarker, Marker, UndefinedComparison
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


def version(text):
    try:
        return str(Version(text))
    except InvalidVersion:
        return None


def order(a, b):
    a, b = Version(a), Version(b)
    return (a > b) - (a < b)


def specifiers(text, versions):
    try:
        found = SpecifierSet(text)
    except InvalidSpecifier:
        return None
    return [found.contains(Version(one), prereleases=True) for one in versions]


def specifiers_of_requirement(text, versions):
    found = requirement("x " + text, versions, [])
    return None if found is None else found["admits"]


def evaluate(marker, environment, extra):
    try:
        return marker.evaluate({**environment, "extra": extra})
    except UndefinedComparison:
        return "undefined"


def marker(text, environment, extra):
    try:
        return evaluate(Marker(text), environment, extra)
    except InvalidMarker:
        return None


def requirement(text, versions, environments):
    try:
        found = Requirement(text)
    except InvalidRequirement:
        return None
    return {
        "name": canonicalize_name(found.name),
        "extras": sorted({canonicalize_name(extra) for extra in found.extras}),
        "url": found.url,
        "admits": [found.specifier.contains(Version(one), prereleases=True) for one in versions],
        "applies": [found.marker is None or evaluate(found.marker, one, "") for one in environments],
    }


KINDS = {
    "version": version,
    "order": order,
    "specifiers": specifiers_of_requirement,
    "requires_python": specifiers,
    "marker": marker,
    "requirement": requirement,
}

for line in sys.stdin:
    kind, *arguments = json.loads(line)
    print(json.dumps(KINDS[kind](*arguments)))
