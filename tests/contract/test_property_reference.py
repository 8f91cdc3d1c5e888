"""The registry, compared with the facts about `spark.mesos.*` that were read from Spark's sources by hand.

`reference/spark-mesos-properties.csv` holds, for each key: its default, the Spark that introduced it by Spark's
own record, whether the documentation of 3.5 has it in its table (table, prose, elsewhere, no), who reads it (D the dispatcher, S
the dispatcher in a submission, E the executor backend), the first and last minor release whose
`docs/running-on-mesos.md` has it in its table (1.6 to 3.5), and the release that no longer reads it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.properties.registry import PROPERTIES, find_property

REFERENCE = Path(__file__).parent / "reference" / "spark-mesos-properties.csv"
FACTS = list(csv.DictReader(REFERENCE.read_text(encoding="utf-8").splitlines()))
READERS = {"D": Reader.DISPATCHER, "S": Reader.SUBMISSION, "E": Reader.BACKEND}
RELEASES = ("1.6", "2.0", "2.1", "2.2", "2.3", "2.4", "3.0", "3.1", "3.2", "3.3", "3.4", "3.5")

# Spark's record of the release, where its tags say otherwise.
REALLY_SINCE = {"spark.mesos.network.name": "2.2.0"}
# The facts end with Spark 3.5, whose fine-grained mode our backend for Spark 4 does not have.
GONE_WITH_FINE_GRAINED_MODE = {"spark.mesos.mesosExecutor.cores": "4.0.0"}
# Defaults that are computed: what must be said about them.
COMPUTED = {
    "max(10%, 384)": ("10%", "384"),
    "driver SPARK_HOME": ("driver", "SPARK_HOME"),
    "*": ("`*`",),
    "spark.mesos.rejectOfferDuration": ("spark.mesos.rejectOfferDuration",),
}


def test_the_registry_has_exactly_the_keys_of_the_reference() -> None:
    theirs = {fact["key"] for fact in FACTS if fact["key"].startswith("spark.mesos.")}
    assert {entry.name for entry in PROPERTIES if entry.is_mesos and not entry.own} == theirs


@pytest.mark.parametrize("fact", FACTS, ids=[fact["key"] for fact in FACTS])
def test_a_property_is_what_the_reference_says(fact: dict[str, str]) -> None:
    entry = find_property(fact["key"])
    assert entry is not None
    assert entry.name == fact["key"]
    assert entry.since == REALLY_SINCE.get(entry.name, fact["since"])
    assert entry.until == GONE_WITH_FINE_GRAINED_MODE.get(entry.name, fact["gone_in"])
    assert entry.readers == {READERS[letter] for letter in fact["readers"].split()}
    if fact["documented"] != "table":
        assert entry.documented == (fact["documented"] != "no")
    else:
        assert entry.documented == (fact["last_documented"] == RELEASES[-1])
    if fact["default"] in COMPUTED:
        assert entry.default is None
        assert all(word in entry.computed_default for word in COMPUTED[fact["default"]])
    elif fact["default"] == "none":
        # What to fall back to may be computed: variables, files, Spark's own web UI.
        assert not entry.default
    else:
        assert entry.default_value() == entry.type.parse(fact["default"])


# Rows of the table in docs/running-on-mesos.md; two rows of 2.3 and later are about four properties each.
@pytest.mark.parametrize(
    ("release", "rows"),
    [("1.6", 13), ("2.0", 15), ("2.1", 22), ("2.2", 25), ("2.3", 33), ("2.4", 36), ("3.0", 36), ("3.1", 38),
     ("3.2", 39), ("3.5", 39)],
)  # fmt: skip
def test_each_release_documented_as_many_properties(release: str, rows: int) -> None:
    at = RELEASES.index(release)
    documented = [
        fact["key"]
        for fact in FACTS
        if fact["first_documented"]
        and RELEASES.index(fact["first_documented"]) <= at <= RELEASES.index(fact["last_documented"])
    ]
    secrets = sum(".secret." in key and key != "spark.mesos.secret.file" for key in documented)
    assert len(documented) - secrets + secrets // 4 == rows
