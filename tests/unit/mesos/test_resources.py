from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.resources import Ranges, Resources, scalar_text


def test_text_of_the_flag_becomes_json_of_an_offer() -> None:
    resources = Resources.parse("cpus:4;mem:1024.5; ports:[31000-31001, 31005-31005];disks:{b,a}")
    assert resources.to_json(allocation_role="spark") == [
        {
            "name": "cpus",
            "type": "SCALAR",
            "scalar": {"value": 4.0},
            "role": "*",
            "allocation_info": {"role": "spark"},
        },
        {
            "name": "mem",
            "type": "SCALAR",
            "scalar": {"value": 1024.5},
            "role": "*",
            "allocation_info": {"role": "spark"},
        },
        {
            "name": "ports",
            "type": "RANGES",
            "ranges": {"range": [{"begin": 31000, "end": 31001}, {"begin": 31005, "end": 31005}]},
            "role": "*",
            "allocation_info": {"role": "spark"},
        },
        {
            "name": "disks",
            "type": "SET",
            "set": {"item": ["a", "b"]},
            "role": "*",
            "allocation_info": {"role": "spark"},
        },
    ]
    assert Resources.from_json(resources.to_json()) == resources


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("cpus", "cpus"),
        ("cpus:four", "four"),
        ("cpus:4;mem:-1", "mem:-1"),
        ("ports:[31000-", "[31000-"),
        ("ports:[2-1]", "2-1"),
        ("ports:[a-b]", "a-b"),
        ("cpus:1;cpus:[1-2]", "cpus:[1-2]"),
        (":4", ":4"),
        ("cpus:1_0", "1_0"),
        ("cpus:inf", "inf"),
        ("ports:[66000-66999]", "65535"),
        ("ports(spark):[31000-65536]", "65535"),
    ],
)
def test_errors_name_the_offending_part(text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        Resources.parse(text)
    assert named in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "resource",
    [
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": -1}},
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": float("nan")}},
        {"name": "cpus", "type": "SCALAR"},
        {"name": "cpus", "type": "TEXT", "text": {"value": "x"}},
        {"type": "SCALAR", "scalar": {"value": 1}},
        {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 5, "end": 1}]}},
        "cpus",
    ],
)
def test_malformed_json(resource: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the messages are our own
        Resources.from_json([resource])


def test_three_decimals_are_exact() -> None:
    tenth = Resources.parse("cpus:0.1")
    assert tenth + tenth + tenth == Resources.parse("cpus:0.3")
    assert (Resources.parse("cpus:0.3") - tenth - tenth - tenth) == Resources()
    assert Resources.parse("cpus:0.0004") == Resources()


def test_nothing_can_be_taken_that_is_not_there() -> None:
    have = Resources.parse("cpus:1;ports:[1-10]")
    for wanted in ("cpus:1.001", "mem:1", "ports:[10-11]", "cpus(spark):1"):
        assert not have.contains(Resources.parse(wanted))
        with pytest.raises(ValueError, match="is not contained"):
            have - Resources.parse(wanted)


def test_reservations_are_kept_apart() -> None:
    resources = Resources.parse("cpus:2;cpus(spark):1;mem(other):512")
    assert resources.scalar("cpus") == 3.0
    assert resources.available_to("spark") == Resources.parse("cpus:2;cpus(spark):1")
    assert resources.available_to("*") == Resources.parse("cpus:2")
    assert resources.reserved() == {
        "spark": Resources.parse("cpus(spark):1"),
        "other": Resources.parse("mem(other):512"),
    }
    assert resources.available_to("spark/jobs") == resources.available_to("spark"), "ancestors give"
    assert resources.available_to("sparkling") == Resources.parse("cpus:2")
    assert Resources.parse("cpus(spark/jobs):1").available_to("spark") == Resources(), "but do not take"
    refined = {
        "name": "cpus",
        "type": "SCALAR",
        "scalar": {"value": 1},
        "reservations": [{"type": "STATIC", "role": "spark"}],
    }
    assert Resources.from_json([refined]) == Resources.parse("cpus(spark):1")


def test_texts_as_mesos_prints_them() -> None:
    resources = Resources.parse("cpus:4;mem:4096;disk:10000;ports:[31000-32000]").offer_order()
    assert resources.text(allocation_role="*") == (
        "ports(allocated: *):[31000-32000]; cpus(allocated: *):4; mem(allocated: *):4096;"
        " disk(allocated: *):10000"
    )
    assert resources.summary() == {
        "disk": 10000.0,
        "mem": 4096.0,
        "gpus": 0.0,
        "cpus": 4.0,
        "ports": "[31000-32000]",
    }
    assert [scalar_text(n) for n in (4000, 100, 1125, 0, -500)] == ["4", "0.1", "1.125", "0", "-0.5"]


NUMBERS = st.frozensets(st.integers(0, 60), max_size=30)


def ranges_of(numbers: frozenset[int]) -> Ranges:
    return Ranges.of((n, n) for n in numbers)


def numbers_of(ranges: Ranges) -> frozenset[int]:
    return frozenset(n for begin, end in ranges.pairs for n in range(begin, end + 1))


@given(NUMBERS, NUMBERS)
def test_ranges_are_sets_of_numbers(one: frozenset[int], other: frozenset[int]) -> None:
    assert numbers_of(ranges_of(one)) == one
    assert numbers_of(ranges_of(one) + ranges_of(other)) == one | other
    assert ranges_of(one) - ranges_of(other) == ranges_of(one - other)
    assert ranges_of(one).contains(ranges_of(other)) == (one >= other)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_what_is_added_can_be_subtracted(one: int, other: int) -> None:
    first, second = (Resources.parse(f"cpus:{scalar_text(n)}") for n in (one, other))
    assert (first + second) - second == first
    assert (first + second).contains(first)


def test_ports_end_at_the_last_one_but_other_ranges_need_not() -> None:
    assert Resources.parse("ports:[1-65535];ids:[1-100000]")


def test_only_scalars() -> None:
    resources = Resources.parse("cpus:4;ports:[1-2];cpus(spark):1;disks:{a}")
    assert resources.scalars() == Resources.parse("cpus:4;cpus(spark):1")


@pytest.mark.parametrize("value", [5, "cpus", {"name": "cpus"}, None])
def test_what_is_no_array_is_no_resources(value: object) -> None:
    with pytest.raises(ValueError, match="no array"):
        Resources.from_json(value)


def test_the_format_of_refined_reservations() -> None:
    resources = Resources.parse("cpus:2;cpus(spark):1")
    scalar = {"name": "cpus", "type": "SCALAR", "allocation_info": {"role": "spark"}}
    listed = resources.to_json(allocation_role="spark", refined=True)
    assert listed == [
        {**scalar, "scalar": {"value": 2.0}},
        {**scalar, "scalar": {"value": 1.0}, "reservations": [{"type": "STATIC", "role": "spark"}]},
    ]
    assert Resources.from_json(listed) == resources


def test_offers_name_unreserved_scalars_last() -> None:
    resources = Resources.parse("cpus:2;mem:64;ports:[1-2];cpus(spark):1;ports(spark):[3-4]")
    assert [(key.name, key.role) for key, _ in resources.offer_order()] == [
        ("ports", "*"),
        ("cpus", "spark"),
        ("ports", "spark"),
        ("cpus", "*"),
        ("mem", "*"),
    ]


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("ports:[1-5]", "ports:[5-9]", True),
        ("ports:[1-5]", "ports:[6-9]", False),
        ("ports:[1-5]", "ports(spark):[5-9]", False),
        ("disks:{a,b}", "disks:{b}", True),
        ("cpus:1", "cpus:1", False),
        ("cpus:1", "ports:[1-2]", False),
    ],
)
def test_what_cannot_be_added_up(one: str, other: str, overlap: bool) -> None:
    assert Resources.parse(one).overlaps(Resources.parse(other)) is overlap
