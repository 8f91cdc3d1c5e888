from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dispatcher.drivers.matching import OpenOffer, OpenOffers, need_of
from sparkmesos_core.errors import UsageError
from tests.unit.dispatcher.drivers.play import offer, scalar, submission

CONSTRAINTS = "spark.mesos.driver.constraints"


def amounts(resources: Any) -> list[tuple[str, str, float]]:
    return [(each["name"], each["role"], each["scalar"]["value"]) for each in resources]


def test_what_fits() -> None:
    here = OpenOffer(offer(cpus=2, mem=1000))
    assert here.has_room(need_of(submission(cores=2, memory=1000)))
    assert not here.has_room(need_of(submission(cores=2.001, memory=1000)))
    assert not here.has_room(need_of(submission(cores=2, memory=1001)))


def test_the_resources_of_several_roles_are_taken_in_the_order_of_the_offer() -> None:
    resources = [
        scalar("cpus", 1.0),
        scalar("cpus", 1.0, "role2"),
        scalar("mem", 1000.0),
        scalar("mem", 500.0, "role2"),
        {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 2}]}, "role": "*"},
    ]
    here = OpenOffer(offer(resources=resources))
    need = need_of(submission(cores=1.5, memory=1200))
    assert here.has_room(need)
    share = here.share(need)
    assert amounts(share.taken) == [
        ("cpus", "*", 1.0),
        ("cpus", "role2", 0.5),
        ("mem", "*", 1000.0),
        ("mem", "role2", 200.0),
    ]
    here.take(share)
    assert (here.cpus, here.memory) == (500, 300_000)
    assert not here.has_room(need)


def test_resources_are_echoed_as_they_were_offered() -> None:
    allocated: dict[str, Any] = {"allocation_info": {"role": "spark"}}
    reserved: dict[str, Any] = {"reservations": [{"type": "STATIC", "role": "spark"}], **allocated}
    resources = [scalar("cpus", 4.0, "*", **reserved), scalar("mem", 2048.0, "*", **allocated)]
    share = OpenOffer(offer(resources=resources)).share(need_of(submission(cores=1)))
    assert share.taken == (
        {**resources[0], "scalar": {"value": 1.0}},
        {**resources[1], "scalar": {"value": 1024.0}},
    )
    assert share.left == (
        {**resources[0], "scalar": {"value": 3.0}},
        {**resources[1], "scalar": {"value": 1024.0}},
    )


def test_what_is_used_up_is_gone() -> None:
    share = OpenOffer(offer(cpus=1, mem=1024)).share(need_of(submission()))
    assert share.left == ()


def test_revocable_resources_are_not_for_drivers() -> None:
    resources = [scalar("cpus", 4.0, revocable={}), scalar("mem", 8192.0)]
    assert not OpenOffer(offer(resources=resources)).has_room(need_of(submission()))


def test_the_smallest_core_there_is() -> None:
    assert need_of(submission(cores=0.0001)).cpus == 1


ATTRIBUTES: list[dict[str, Any]] = [
    {"name": "os", "type": "TEXT", "text": {"value": "centos7"}},
    {"name": "rackid", "type": "SCALAR", "scalar": {"value": 3.0}},
    {"name": "port_range", "type": "RANGES", "ranges": {"range": [{"begin": 7000, "end": 8000}]}},
    {"name": "tags", "type": "SET", "set": {"item": ["1a", "1b", "1c"]}},
    {"name": "celsius", "type": "SCALAR", "scalar": {"value": -5.0}},
    {"name": "odd", "type": "SOMETHING"},
]


@pytest.mark.parametrize(
    ("constraints", "holds"),
    [
        ("", True),
        ("os:centos7", True),
        ("os:debian12", False),
        ("os:", True),
        ("nowhere:", False),
        ("odd:", False),
        ("rackid:3", True),
        ("rackid:4", False),
        ("celsius:-7", True),
        ("port_range:7500", True),
        ("port_range:6000", False),
        ("tags:1a,1c", True),
        ("tags:1a,2a", False),
        ("os:centos7;rackid:2", True),
        ("os:centos7;rackid:9", False),
    ],
)
def test_constraints(constraints: str, holds: bool) -> None:
    here = OpenOffers([offer(attributes=ATTRIBUTES)])
    need = need_of(submission(properties={CONSTRAINTS: constraints}))
    assert (here.first_fit(need) is not None) is holds


def test_constraints_that_nobody_can_read() -> None:
    with pytest.raises(UsageError, match="'os' is not a constraint"):
        need_of(submission(properties={CONSTRAINTS: "os"}))


SIZES = st.tuples(st.integers(0, 6), st.integers(0, 6))


@given(
    st.lists(SIZES, max_size=6),
    st.lists(st.tuples(SIZES, st.sampled_from(["", "zone:0", "zone:1"])), max_size=20),
)
def test_it_is_the_first_offer_that_fits(offered: Any, wanted: Any) -> None:
    made = [
        offer(
            f"o{number}",
            cpus=cpus,
            mem=memory,
            attributes=[{"name": "zone", "type": "TEXT", "text": {"value": str(number % 2)}}],
        )
        for number, (cpus, memory) in enumerate(offered)
    ]
    round_ = OpenOffers(made)
    left = [list(size) for size in offered]
    for (cores, memory), constraints in wanted:
        need = need_of(submission(cores=cores + 1, memory=memory, properties={CONSTRAINTS: constraints}))
        expected = None
        for number, size in enumerate(left):
            zone = constraints in ("", f"zone:{number % 2}")
            if zone and cores + 1 <= size[0] and memory <= size[1]:
                expected = number
                size[0] -= cores + 1
                size[1] -= memory
                break
        found = round_.first_fit(need)
        assert (found.offer.id if found else None) == (None if expected is None else f"o{expected}")
        if found is not None:
            found.take(found.share(need))


SCALARS = st.lists(
    st.builds(
        scalar,
        st.sampled_from(["cpus", "mem", "disk"]),
        st.integers(0, 5000).map(lambda thousandths: thousandths / 1000),
        st.sampled_from(["*", "a", "b"]),
    ),
    max_size=8,
)


@given(SCALARS, st.lists(st.tuples(st.integers(1, 4000), st.integers(1, 4)), max_size=5))
def test_nothing_is_taken_twice_and_nothing_gets_lost(resources: Any, wanted: Any) -> None:
    here = OpenOffer(offer(resources=resources))
    taken: list[Any] = []
    for cores, memory in wanted:
        need = need_of(submission(cores=cores / 1000, memory=memory))
        if here.has_room(need):
            share = here.share(need)
            assert sum(round(each["scalar"]["value"] * 1000) for each in share.taken) == cores + memory * 1000
            taken += share.taken
            here.take(share)
    left = here.share(need_of(submission(cores=1, memory=1))).left if taken else ()
    for name in ("cpus", "mem"):
        for role in ("*", "a", "b"):
            had = sum(
                round(each["scalar"]["value"] * 1000)
                for each in resources
                if (each["name"], each["role"]) == (name, role)
            )
            used = sum(
                round(each["scalar"]["value"] * 1000)
                for each in taken
                if (each["name"], each["role"]) == (name, role)
            )
            assert 0 <= used <= had
    if taken:
        assert [each for each in left if each["name"] == "disk"] == [
            each for each in resources if each["name"] == "disk"
        ]
