from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.conf.values.constraints import Constraint, parse_constraints
from sparkmesos_core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (
            "os:centos7;zone:us-east-1a,us-east-1b",
            [Constraint("os", ("centos7",)), Constraint("zone", ("us-east-1a", "us-east-1b"))],
        ),
        ("os:", [Constraint("os")]),
        ("os:,", [Constraint("os")]),
        (" os:a ;\xa0b:c\n", [Constraint("os", ("a",)), Constraint("b", ("c",))]),
        ("os: a , b", [Constraint("os", (" a ", " b"))]),
        ("z:,a,,a,", [Constraint("z", ("", "a"))]),
        ("os :x", [Constraint("os ", ("x",))]),
    ],
)
def test_constraints(text: str, expected: list[Constraint]) -> None:
    assert parse_constraints(text) == tuple(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("os;zone:x", "'os' is not a constraint: it has no colon"),
        ("os:a;", "A constraint is empty"),
        (";", "A constraint is empty"),
        (" ", "A constraint is empty"),
        ("os:a;;b:c", "A constraint is empty"),
        ("os:a:b", "'os:a:b' is not a constraint: it has more than one colon"),
        ("os:a;zone:x;os:b", "Two constraints are about the attribute 'os'"),
        (":x", "':x' is not a constraint: it names no attribute"),
    ],
)
def test_not_constraints(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_constraints(text)
    assert raised.value.message == message
    assert raised.value.hint


word = st.text("abcXYZ019_/.-é", min_size=1)


@given(st.dictionaries(word, st.lists(word, unique=True)))
def test_what_is_written_reads_as_the_same(wanted: dict[str, list[str]]) -> None:
    constraints = tuple(Constraint(name, tuple(values)) for name, values in wanted.items())
    assert parse_constraints(";".join(map(str, constraints))) == constraints
