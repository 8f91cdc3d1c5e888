"""The page about moving to Spark 4: its tables are those of the registry and of the list of differences, which agree."""

from __future__ import annotations

import re

import pytest

from sparkmesos_core.conf.properties.registry import PROPERTIES, find_property
from sparkmesos_core.conf.properties.spark_4 import Spark4Status, spark_4_status
from tests.integration.spark_differences import DIFFERENCES
from tests.spark_4_page import BEGIN, END, PAGE, SPARKS_OWN, generated, updated


def test_the_page_is_up_to_date() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == updated(written), "run: python -m tests.spark_4_page"


def test_what_is_around_the_tables_stays() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nbehind\n"
    assert updated(page) == f"before\n{BEGIN}\n\n{generated()}\n{END}\nbehind\n"
    assert updated(updated(page)) == updated(page)


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{BEGIN}{END}{END}"])
def test_a_page_without_its_marks(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        updated(page)


def test_every_property_of_mesos_has_one_row() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ([a-z ]+) \| (.*?) ?\|$", generated(), re.MULTILINE)
    by_name = {name: (status, note) for name, status, note in rows}
    assert len(by_name) == len(rows)
    assert by_name.keys() >= {one.name for one in PROPERTIES if one.is_mesos}
    assert by_name.keys() == {
        one.name
        for one in PROPERTIES
        if one.is_mesos or spark_4_status(one) in (Spark4Status.DIFFERS, Spark4Status.NEW)
    }
    for name, (status, note) in by_name.items():
        entry = find_property(name)
        assert entry is not None
        assert status == spark_4_status(entry).value
        assert bool(note.strip()) == (spark_4_status(entry) is not Spark4Status.WORKS), name


def test_every_difference_has_one_row() -> None:
    lines = generated().splitlines()
    assert all(
        sum(line.startswith(f"| {one.where} | {one.spark_3} | ") for line in lines) == 1
        for one in DIFFERENCES
    )


def test_differences_and_the_registry_tell_of_the_same_properties() -> None:
    named = {name for one in DIFFERENCES for name in one.properties}
    entries = {name: find_property(name) for name in named}
    assert {name for name, entry in entries.items() if entry is None or entry.name != name} == set()
    fare = {one.name: spark_4_status(one) for one in PROPERTIES}
    # What no Spark 3.5 reads any more has gone before.
    assert {name for name in named if fare[name] is Spark4Status.WORKS} == set()
    different = {name for name, status in fare.items() if status is Spark4Status.DIFFERS}
    assert different - named == SPARKS_OWN
