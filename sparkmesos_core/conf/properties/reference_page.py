"""The page of `docs/reference/` that lists every property of the registry.

python -m sparkmesos_core.conf.properties.reference_page > docs/reference/properties.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from sparkmesos_core.conf.properties.mesos_properties import MESOS_GROUPS
from sparkmesos_core.conf.properties.own_properties import OWN_GROUPS
from sparkmesos_core.conf.properties.registered_property import Grain, Property, Reader
from sparkmesos_core.conf.properties.spark_properties import SPARK_GROUPS

_TITLE = """\
# Properties

<!-- Made by `python -m sparkmesos_core.conf.properties.reference_page`: change the registry instead. -->

Every property that only Spark on Mesos knows, and those of every Spark that matter there, as they are in
Spark 2.0 to 3.5. With Spark 4 [the backend of sparkmesos](../how-to/moving-to-spark-4.md) reads them; what is
different then is said at the end of a meaning. `sparkmesos config list` prints the same; `sparkmesos config
explain KEY` adds the value that a property has where you are and the place that sets it.

How to read the tables:

- *Since* is the first Spark that reads the property on Mesos; *own* are those of sparkmesos
  itself: its dispatcher's and, with a release of Spark, its backend's.
- *Read by*: {readers}.
- The unit behind a type is what a bare number means.
- A name that ends in capitals stands for many: `spark.mesos.driverEnv.NAME` for `spark.mesos.driverEnv.LANG`.
"""
_ABBREVIATIONS = {
    Reader.CLIENT: "the client (spark-submit)",
    Reader.DISPATCHER: "the dispatcher in its own configuration",
    Reader.SUBMISSION: "the dispatcher in the properties of a submission",
    Reader.BACKEND: "the executor backend, which is in the driver and launches executors on Mesos",
    Reader.DRIVER: "the rest of the driver, and executors, as on every cluster",
    Reader.SHUFFLE_SERVICE: "the external shuffle service",
}


def page() -> str:
    """The page as Markdown."""
    readers = "; ".join(f"*{reader.value}*, {meaning}" for reader, meaning in _ABBREVIATIONS.items())
    return "\n".join(
        (
            _TITLE.format(readers=readers),
            *_part("Spark on Mesos", MESOS_GROUPS),
            *_part("sparkmesos", OWN_GROUPS),
            *_part("Every Spark", SPARK_GROUPS),
        )
    )


def _part(title: str, groups: Sequence[tuple[str, Sequence[Property]]]) -> Iterator[str]:
    yield f"## {title}\n"
    for heading, entries in groups:
        yield f"### {heading}\n"
        yield "| Property | Default | Type | Since | Read by | Meaning |"
        yield "|---|---|---|---|---|---|"
        yield from map(_row, entries)
        yield ""


def _row(entry: Property) -> str:
    kind = entry.type.name + (f" ({entry.type.unit})" if entry.type.unit else "")
    if entry.type.choices and entry.type.name != "boolean":
        kind = ", ".join(f"`{word}`" for word in entry.type.choices)
    since = " ".join(filter(None, ("own" if entry.own else "", entry.since)))
    since += f", gone in {entry.until}" if entry.until else ""
    readers = ", ".join(reader.value for reader in Reader if reader in entry.readers) or "nothing"
    cells = (f"`{entry.name}`", _default(entry), kind, since, readers, _meaning(entry))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _default(entry: Property) -> str:
    if entry.default is None:
        return entry.computed_default
    return f"`{entry.default}`" if entry.default else ""


def _meaning(entry: Property) -> str:
    sentences = [entry.meaning]
    if entry.grain is not Grain.BOTH:
        whose = "Only" if entry.readers == {Reader.BACKEND} else "For executors only"
        sentences.append(f"{whose} in {entry.grain.value} mode")
    if entry.deprecated:
        sentences.append(f"Deprecated: {entry.deprecated}")
    if entry.secret:
        sentences.append("A secret: never shown")
    if not entry.documented:
        sentences.append("Not in Spark's documentation")
    if entry.spark_4 is not None:
        sentences.append(f"*Spark 4:* {entry.spark_4.note}")
    return ". ".join(sentences)


if __name__ == "__main__":
    sys.stdout.write(page())
