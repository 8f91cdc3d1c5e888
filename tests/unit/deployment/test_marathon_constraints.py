"""Constraints of Spark in Marathon's words: what they match is what Spark takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sparkmesos_core.conf.values.constraints import Constraint, parse_constraints
from sparkmesos_core.deployment.marathon_constraints import marathon_constraints, on_host
from sparkmesos_core.errors import UsageError
from sparkmesos_core.mesos.attributes import Attribute, parse_attributes
from sparkmesos_core.mesos.constraints import unmet

# Of what an attribute on an agent's command line can be made.
ITEMS = st.text("ab.*+|()[]?^$-_/@# &", min_size=1, max_size=4).map(str.strip).filter(bool)


def _matches(constraint: list[str], attributes: tuple[Attribute, ...]) -> bool:
    """As `Constraints.scala` has it."""
    field, operator, pattern = constraint
    assert operator == "LIKE"
    texts = [str(one.state_value()) for one in attributes if one.name == field]
    return bool(texts) and re.fullmatch(pattern, texts[0]) is not None


@given(st.lists(ITEMS, max_size=3), ITEMS)
@example(["a.b"], "axb")
@example(["a|b"], "a")
def test_text_matches_as_in_spark(asked: list[str], there: str) -> None:
    constraint = Constraint("rack", tuple(asked))
    attributes = (Attribute("rack", there),)
    (said,) = marathon_constraints([constraint], [attributes])
    assert _matches(said, attributes) == (not unmet([constraint], attributes))
    assert not _matches(said, (Attribute("other", there),))


@given(st.lists(ITEMS, max_size=3), st.frozensets(ITEMS, min_size=1, max_size=4))
@example(["a"], frozenset({"ab", "b"}))
@example(["a", "b"], frozenset({"a", "b", "c"}))
def test_sets_match_as_in_spark(asked: list[str], there: frozenset[str]) -> None:
    constraint = Constraint("tags", tuple(asked))
    attributes = (Attribute("tags", there),)
    (said,) = marathon_constraints([constraint], [attributes])
    # As Marathon writes a set, sorted.
    texts = (Attribute("tags", "{" + ",".join(sorted(there)) + "}"),)
    assert _matches(said, texts) == (not unmet([constraint], attributes))


def test_of_a_cluster_that_is_not_known_attributes_are_text() -> None:
    constraints = parse_constraints("rack:r1,r2;ssd:")
    assert marathon_constraints(constraints) == [["rack", "LIKE", "r1|r2"], ["ssd", "LIKE", "(?s).*"]]


@pytest.mark.parametrize(("attributes", "kind"), [("cores:16", "a number"), ("cores:[1-8]", "a range")])
def test_numbers_cannot_be_said(attributes: str, kind: str) -> None:
    with pytest.raises(UsageError, match=f"compares text, and cores is {kind}") as caught:
        marathon_constraints(parse_constraints("cores:8"), [parse_attributes(attributes)])
    assert "--on-mesos" in caught.value.hint
    # That it is there can be.
    assert marathon_constraints(parse_constraints("cores:"), [parse_attributes(attributes)])


@pytest.mark.parametrize("name", ["hostname", "@hostname", "@zone", "@region"])
def test_names_that_mean_something_else_there(name: str) -> None:
    with pytest.raises(UsageError, match="is not an attribute"):
        marathon_constraints([Constraint(name, ("a",))])


def test_one_host() -> None:
    field, operator, pattern = on_host("a-1.example")
    assert (field, operator) == ("hostname", "LIKE")
    assert re.fullmatch(pattern, "a-1.example")
    assert not re.fullmatch(pattern, "a-1xexample")
