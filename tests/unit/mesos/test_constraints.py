from __future__ import annotations

import pytest

from sparkmesos_core.conf.values.constraints import Constraint, parse_constraints
from sparkmesos_core.mesos.attributes import Attribute, parse_attributes
from sparkmesos_core.mesos.constraints import UnmetConstraint, in_words, met_by_none, unmet, unmet_in_spark
from sparkmesos_core.mesos.resources import Ranges


def holds(constraints: str, attributes: str) -> bool:
    return not unmet(parse_constraints(constraints), parse_attributes(attributes))


@pytest.mark.parametrize(
    ("constraints", "attributes", "expected"),
    [
        ("", "", True),
        ("", "os:centos7", True),
        ("os:", "os:centos7", True),
        ("os:", "os:3", True),
        ("os:", "os:[1-2]", True),
        ("os:", "os:{a}", True),
        ("os:", "zone:a", False),
        ("os:centos7", "", False),
        # TEXT
        ("os:centos7", "os:centos7", True),
        ("os:centos7,debian", "os:debian", True),
        ("os:centos", "os:centos7", False),
        ("os:CentOS7", "os:centos7", False),
        # SET
        ("zone:1a,1c", "zone:{1a,1b,1c}", True),
        ("zone:1a", "zone:{1a,1b,1c}", True),
        ("zone:1a,1d", "zone:{1a,1b,1c}", False),
        # SCALAR
        ("rack:2", "rack:3", True),
        ("rack:3", "rack:3", True),
        ("rack:4", "rack:3", False),
        ("rack:4,2", "rack:3", True),
        ("rack:0.5", "rack:0.5", True),
        ("rack:-Infinity", "rack:3", True),
        ("rack:NaN", "rack:3", False),
        ("rack:three", "rack:3", False),
        ("rack:three,2", "rack:3", True),
        # RANGES, which Spark cannot match
        ("port:7500", "port:[7000-8000]", True),
        ("port:7000", "port:[7000-8000]", True),
        ("port:8000", "port:[7000-8000]", True),
        ("port:5000,7500,8300", "port:[7000-8000]", True),
        ("port:6000", "port:[7000-8000]", False),
        ("port:8002", "port:[7000-8000]", False),
        ("port:9500", "port:[7000-8000,9000-9999]", True),
        ("port:8500", "port:[7000-8000,9000-9999]", False),
        ("port:x", "port:[7000-8000]", False),
        ("port:7500.0", "port:[7000-8000]", False),
        # all of them
        ("os:centos7;zone:1a", "os:centos7;zone:1a", True),
        ("os:centos7;zone:1a", "os:centos7;zone:1b", False),
    ],
)
def test_constraints(constraints: str, attributes: str, expected: bool) -> None:
    assert holds(constraints, attributes) is expected


def test_the_unmet_ones_are_named() -> None:
    wanted = parse_constraints("os:debian;zone:1a;gpu:")
    assert unmet(wanted, parse_attributes("os:centos7;zone:1a")) == (
        Constraint("os", ("debian",)),
        Constraint("gpu"),
    )


def test_of_two_attributes_of_one_name_the_last_counts() -> None:
    assert holds("rack:b", "rack:a;rack:b")
    assert not holds("rack:a", "rack:a;rack:b")


def test_empty_ranges_hold_nothing() -> None:
    assert unmet(parse_constraints("port:0"), [Attribute("port", Ranges())])


@pytest.mark.parametrize(
    ("constraints", "attributes", "unmet_ones"),
    [
        ("os:x;rack:2", "os:x;rack:3", ()),
        ("port:7500", "port:[7000-8000]", ("port:7500",)),
        ("port:", "port:[7000-8000]", ()),
        ("os:x;port:1;zone:a", "os:y;port:[1-9];zone:a", ("os:x", "port:1")),
        ("tags:a", "tags:{a,b}", ()),
    ],
)
def test_spark_itself_takes_no_ranges(constraints: str, attributes: str, unmet_ones: tuple[str, ...]) -> None:
    found = unmet_in_spark(parse_constraints(constraints), parse_attributes(attributes))
    assert tuple(map(str, found)) == unmet_ones


def test_what_no_agent_meets_alone() -> None:
    agents = [parse_attributes("zone:a;rack:1"), parse_attributes("zone:b;rack:2")]
    wanted = parse_constraints("zone:c;rack:2;gpu:")
    found = met_by_none(wanted, agents)
    assert found == (UnmetConstraint("zone:c", ("a", "b")), UnmetConstraint("gpu:", ()))
    said = in_words(found, "zone:c;rack:2;gpu:")
    assert said == "the constraints zone:c (zone is a or b), gpu: (none has gpu)"
    # Each is met by one of the two.
    both = parse_constraints("zone:a;rack:2")
    assert met_by_none(both, agents) == ()
    assert in_words((), "zone:a;rack:2") == "all of the constraints zone:a;rack:2 at once"
    ranges = [parse_attributes("port:[1-9]")]
    assert met_by_none(parse_constraints("port:5"), ranges) == ()
    assert met_by_none(parse_constraints("port:5"), ranges, unmet_in_spark) == (
        UnmetConstraint("port:5", ("[1-9]",)),
    )


def test_long_values_are_cut_and_many_are_not_all_told() -> None:
    agents = [parse_attributes(f"zone:{n}{'z' * 100}") for n in "abcdefgh"]
    (found,) = met_by_none(parse_constraints("zone:x"), agents)
    assert len(found.offered) == 5
    assert found.offered[0] == "a" + 59 * "z" + "…"
