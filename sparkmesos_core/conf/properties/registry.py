"""The registry: every property of Spark that matters on Mesos, and how to find one.

Validation, defaults, documentation and completion are made from it. Its facts are those of Spark's own
sources from 2.0 to 3.5; tests compare them with the real Spark and with what its documentation lists. With
Spark 4 they are those of our backend, whose readings tests compare with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sparkmesos_core.conf.properties.mesos_properties import MESOS_GROUPS
from sparkmesos_core.conf.properties.own_properties import OWN_GROUPS
from sparkmesos_core.conf.properties.registered_property import Property
from sparkmesos_core.conf.properties.spark_4 import FIRST_WITH_OUR_BACKEND, in_spark_4
from sparkmesos_core.conf.properties.spark_properties import SPARK_GROUPS

PROPERTIES: tuple[Property, ...] = tuple(
    entry for _, entries in (*MESOS_GROUPS, *OWN_GROUPS, *SPARK_GROUPS) for entry in entries
)
"""Those of Spark on Mesos first, each part in the order in which one would read about them."""

_BY_NAME = {entry.name: entry for entry in PROPERTIES}
_FAMILIES = sorted(
    ((entry.prefix, entry) for entry in PROPERTIES if entry.prefix is not None),
    key=lambda family: -len(family[0]),
)
_LONGEST_NAME = 300  # of a key that could be a misspelt name
_LIKENESS = 0.72  # what a suggestion needs at least
_LIKENESS_OF_HEADS = 0.75  # the same for what the keys of a family begin with
_ALL_BUT_CERTAIN = 0.98
_LIKELY = 0.9
_FURTHER = 0.1


def find_property(key: str) -> Property | None:
    """The property of this name, or the family that it belongs to; None if it is not in the registry."""
    if (found := _BY_NAME.get(key)) is not None and found.prefix is None:
        return found
    for prefix, family in _FAMILIES:
        if key.startswith(prefix) and len(key) > len(prefix):
            return family
    return None


def search(text: str) -> list[Property]:
    """The properties that hold each word of a text in their name, type or meaning, whatever the case."""
    words = text.casefold().split()
    return [entry for entry in PROPERTIES if all(word in _searched(entry) for word in words)]


def exists_in(entry: Property, spark_version: str) -> bool:
    """Whether a property is read where this Spark runs on Mesos: 3.5.9, or 3.5, which means its last patch.

    With Spark 4 it is the backend of sparkmesos that reads those of Spark on Mesos. What belongs to the
    dispatcher of sparkmesos exists beside every Spark. Raises ValueError for a text that does not begin
    with a number.
    """
    version = _version(spark_version)
    if entry.since and version < _version(entry.since):
        return False
    return not entry.until or version < _version(entry.until)


def as_in(entry: Property, spark_version: str | None) -> Property:
    """A property as it is with this Spark: from 4.0 on, some mean something else; None for an unknown Spark.

    Raises ValueError as `exists_in` does.
    """
    if spark_version is None or _version(spark_version) < _version(FIRST_WITH_OUR_BACKEND):
        return entry
    return in_spark_4(entry)


def similar_names(key: str, count: int = 3) -> list[str]:
    """Keys that may be meant by one that is not in the registry, the likeliest first.

    Knows typing errors, wrong case and separators, a missing or superfluous `mesos`, and parts left out. In a
    family the part that one chooses is kept, `spark.mesos.driverenv.A` yields `spark.mesos.driverEnv.A`, and
    where it was left out, the placeholder stands for it.
    """
    if not 3 <= len(key) <= _LONGEST_NAME:
        return []
    scores: dict[str, float] = {}
    for name, likeness in _candidates(key):
        scores[name] = max(scores.get(name, 0.0), likeness)
    likely = sorted((name for name, score in scores.items() if score >= _LIKENESS), key=lambda n: -scores[n])
    if not likely:
        return []
    # Beside one that is all but certain the others only distract; beside a likely one, those much less so.
    best = scores[likely[0]]
    enough = _ALL_BUT_CERTAIN if best >= _ALL_BUT_CERTAIN else best - _FURTHER if best >= _LIKELY else 0.0
    return [name for name in likely if scores[name] >= enough][:count]


def _searched(entry: Property) -> str:
    return f"{entry.name} {entry.type.name} {entry.meaning}".casefold()


def _version(text: str) -> tuple[int, ...]:
    numbers = re.match(r"\d+(?:\.\d+)*", text)
    if numbers is None:
        raise ValueError(f"not a version of Spark: {text!r}")
    parts = tuple(int(number) for number in numbers[0].split("."))
    return parts if len(parts) > 2 else (*parts, *([2**31] * (3 - len(parts))))


def _candidates(key: str) -> Iterator[tuple[str, float]]:
    """What a key could be meant to be, each with how likely that is, from 0 to 1."""
    parts = key.split(".")
    for entry in PROPERTIES:
        if entry.until and entry.until != FIRST_WITH_OUR_BACKEND:
            continue  # which no Spark of today reads
        if entry.prefix is None:
            yield entry.name, _likeness(key, entry.name)
            continue
        if _squash(key) == _squash(entry.prefix):
            yield entry.name, 1.0
        head = entry.prefix.count(".")
        # What the keys of a family begin with may have been written with a part less or more.
        for end, enough in (
            (head, _LIKENESS_OF_HEADS),
            (head - 1, _ALL_BUT_CERTAIN),
            (head + 1, _ALL_BUT_CERTAIN),
        ):
            if 1 <= end < len(parts) and all(parts[end:]):
                likeness = _spelling(".".join(parts[:end]), entry.prefix)
                yield entry.prefix + ".".join(parts[end:]), likeness if likeness >= enough else 0.0


def _likeness(key: str, name: str) -> float:
    """How likely somebody who wrote `key` meant `name`: because of its spelling, or of the words in it."""
    spelling = _spelling(key, name)
    written, meant = _words(key), _words(name)
    shared = len(written & meant)
    # The same words, some left out or too many: the fewer differ, the likelier.
    words = 0.0
    if shared >= 2 or (shared and written <= meant):
        words = 0.62 + 0.34 * shared / len(written | meant) + 0.02 * spelling
    return max(spelling, words)


def _spelling(written: str, meant: str) -> float:
    written, meant = _squash(written), _squash(meant)
    if written == meant:
        return 1.0
    written_core, meant_core = _core(written), _core(meant)
    if written_core == meant_core:
        return _ALL_BUT_CERTAIN
    from difflib import SequenceMatcher  # which only a mistake needs

    matcher = SequenceMatcher(None, written_core, meant_core, autojunk=False)
    if matcher.real_quick_ratio() < _LIKENESS or matcher.quick_ratio() < _LIKENESS:
        return 0.0
    likeness = matcher.ratio()
    return likeness if ("mesos" in written) == ("mesos" in meant) else 0.96 * likeness


def _squash(name: str) -> str:
    """A name without what people get wrong most: case and separators."""
    return re.sub(r"[\W_]", "", name.casefold())


def _core(squashed: str) -> str:
    return re.sub(r"^(?:spark)?(?:mesos)?", "", squashed)


def _words(name: str) -> set[str]:
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return {word.casefold() for word in words} - {"spark", "mesos"}
