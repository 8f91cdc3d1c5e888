"""The part of the page about moving to Spark 4 that is made of the list of differences and of the registry.

python -m tests.spark_4_page
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sparkmesos_core.conf.properties.mesos_properties import MESOS_GROUPS
from sparkmesos_core.conf.properties.own_properties import OWN_GROUPS
from sparkmesos_core.conf.properties.registered_property import Property
from sparkmesos_core.conf.properties.registry import PROPERTIES
from sparkmesos_core.conf.properties.spark_4 import Spark4Status, spark_4_status
from tests.integration.spark_differences import DIFFERENCES

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "moving-to-spark-4.md"
BEGIN = (
    "<!-- From here on made by `python -m tests.spark_4_page` of tests/integration/spark_differences.py and the registry of "
    "properties: change those, not this page. -->"
)
END = "<!-- Up to here. -->"

SPARKS_OWN = frozenset({"spark.connect.grpc.arrow.maxBatchSize", "spark.eventLog.compress", "spark.jars.ivy"})
"""Properties that are different in Spark 4 on every cluster manager, so that no difference of ours is about them."""

_DIFFERENCES = """\
## What differs from Spark 3.5

All of it, as the tests know it that run with both. Where nothing is said, executors are launched as Spark 3.5.9 launches
them, to the last key of what Mesos is told; tests compare that with recordings of it.

| | Spark 3.5.9 | Spark 4 | Why |
|---|---|---|---|
"""
_PROPERTIES = """\
## Every `spark.mesos.*` property

*As before*: with Spark 4 it means what it means with Spark 3.5. *Differs*: it is read, but not all is as it was. *New*: Spark
3.5 does not read it. *Gone*: nothing reads it with Spark 4. What a property means, [the
reference](../reference/properties.md) says, and `sparkmesos config explain KEY`.
"""
_OTHERS = """\
## Properties of every Spark that mean something else on Mesos now

Those that are not here are as before, or as Spark's own release notes say.
"""
_GONE = {
    "spark.mesos.mesosExecutor.cores": "There is no fine-grained mode",
}


def updated(page: str) -> str:
    """The page with the part between the two marks made anew. Raises ValueError if it has not each once."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page has to have the lines {BEGIN!r} and {END!r} once each")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{generated()}\n{END}{after}"


def generated() -> str:
    """The differences, and how each property fares, as Markdown."""
    differences = (_row(one.where, one.spark_3, one.spark_4, one.why) for one in DIFFERENCES)
    return "\n".join(
        (
            _DIFFERENCES + "\n".join(differences),
            "",
            _PROPERTIES,
            *_properties([*MESOS_GROUPS, *OWN_GROUPS]),
            _OTHERS,
            "| Property | Status | With Spark 4 |\n|---|---|---|",
            *(_property(entry) for entry in others()),
            "",
        )
    )


def others() -> list[Property]:
    """The properties that are not about Mesos alone and are not as before."""
    return [one for one in PROPERTIES if not one.is_mesos and spark_4_status(one) is not Spark4Status.WORKS]


def note(entry: Property) -> str:
    """What the table says of a property beside its status, as a phrase."""
    status = spark_4_status(entry)
    if status is Spark4Status.NEW:
        return entry.meaning
    if status is Spark4Status.GONE:
        return _GONE.get(entry.name) or f"Spark {entry.until} was the first that did not read it"
    return "" if entry.spark_4 is None else entry.spark_4.note


def _properties(groups: Sequence[tuple[str, Sequence[Property]]]) -> Iterator[str]:
    for heading, entries in groups:
        listed = [one for one in entries if one.is_mesos]
        if listed:
            yield f"### {heading}\n\n| Property | Status | With Spark 4 |\n|---|---|---|"
            yield from map(_property, listed)
            yield ""


def _property(entry: Property) -> str:
    return _row(f"`{entry.name}`", spark_4_status(entry).value, note(entry))


def _row(*cells: str) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').split()) for cell in cells)} |"


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
