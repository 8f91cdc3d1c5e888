"""--only and --skip."""

from __future__ import annotations

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.verify.check import Group
from sparkmesos_core.verify.selection import select_checks
from tests.verified import check

CHECKS = (
    check("java-found", group=Group.CLIENT),
    check("master-leader", group=Group.MASTER),
    check("master-version", group=Group.MASTER),
    check("probe-java", group=Group.PROBE, needs_probe=True),
)


def ids(**options) -> list[str]:
    return [each.id for each in select_checks(CHECKS, **options)]


def test_without_options_it_is_all_that_starts_nothing():
    assert ids() == ["java-found", "master-leader", "master-version"]


def test_with_the_probe_it_is_all():
    assert ids(with_probe=True) == [each.id for each in CHECKS]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["master-version"], ["master-version"]),
        (["master-version,java-found"], ["java-found", "master-version"]),
        (["master-version", "java-found"], ["java-found", "master-version"]),
        (["master"], ["master-leader", "master-version"]),
        (["master, java-found"], ["java-found", "master-leader", "master-version"]),
    ],
)
def test_only_names_checks_and_groups_in_any_order(only, expected):
    assert ids(only=only) == expected


def test_skip_takes_away_checks_and_groups():
    assert ids(skip=["master"]) == ["java-found"]
    assert ids(only=["master"], skip=["master-version"]) == ["master-leader"]


@pytest.mark.parametrize("option", ["only", "skip"])
def test_a_name_that_there_is_not_is_refused_with_one_that_is_near(option):
    with pytest.raises(UsageError) as caught:
        ids(**{option: ["master-verison"]})
    assert caught.value.message == f"--{option}: there is neither a check nor a group 'master-verison'"
    assert caught.value.hint.startswith("Did you mean master-version?")
    assert "--list" in caught.value.hint


def test_a_name_like_no_other_is_refused_too():
    with pytest.raises(UsageError, match="'zzz'") as caught:
        ids(only=["zzz"])
    assert caught.value.hint == "`sparkmesos verify-cluster --list` shows all there are."


@pytest.mark.parametrize("name", ["", "master,", ","])
def test_an_empty_name_is_refused(name):
    with pytest.raises(UsageError):
        ids(only=[name])


@pytest.mark.parametrize("name", ["probe", "probe-java"])
def test_checks_of_the_probe_are_refused_without_it(name):
    with pytest.raises(UsageError, match="probe-java is a check of the probe") as caught:
        ids(only=[name])
    assert "--probe" in caught.value.hint
    assert ids(only=[name], with_probe=True) == ["probe-java"]


def test_the_probe_may_be_skipped_without_having_been_asked_for():
    assert "probe-java" not in ids(skip=["probe"])


def test_nothing_left_is_refused():
    with pytest.raises(UsageError, match="leave no check"):
        ids(only=["master"], skip=["master"])
