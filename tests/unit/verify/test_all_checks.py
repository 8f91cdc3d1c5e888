"""The table of checks as a whole."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

from sparkmesos_core.verify import checks, facts, probe
from sparkmesos_core.verify.all_checks import ALL_CHECKS
from sparkmesos_core.verify.check import Check, Checks, Group
from sparkmesos_core.verify.known import Fact

IDS = [check.id for check in ALL_CHECKS]


def modules() -> Iterator[object]:
    for package in (checks, facts, probe):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(module.name)


def test_there_are_enough():
    assert len(ALL_CHECKS) >= 40


def test_ids_are_unique():
    assert sorted(IDS) == sorted(set(IDS))


def test_no_id_is_that_of_a_group_as_either_is_named_by_only_and_skip():
    assert {group.value for group in Group}.isdisjoint(IDS)


def test_groups_are_together_and_in_their_order():
    groups = [check.group for check in ALL_CHECKS]
    order = list(Group)
    assert groups == sorted(groups, key=order.index)


def test_every_declared_check_is_in_the_table():
    declared = [
        check.id
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, Checks)
        for check in value
    ]
    assert sorted(set(declared)) == sorted(IDS)


def test_every_fact_is_reported_by_a_check():
    """Else its failure would show with each check that needs it, or with none."""
    reported = {
        value.name: value.reported_by
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, Fact)
    }
    assert {name: id for name, id in reported.items() if id not in IDS} == {}


@pytest.mark.parametrize("check", ALL_CHECKS, ids=IDS)
def test_what_the_documentation_has_of_a_check(check: Check):
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", check.id)
    assert check.title
    assert not check.title.endswith(".")
    assert check.finds
    assert not check.finds.endswith(".")
    assert check.remedy.endswith((".", ".)", "`"))
    assert "\n" not in check.title + check.finds + check.remedy


@pytest.mark.parametrize("check", ALL_CHECKS, ids=IDS)
def test_only_the_probe_starts_something(check: Check):
    assert check.needs_probe is (check.group is Group.PROBE)
