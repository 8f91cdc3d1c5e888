from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkmesos_core.conf.properties.registered_property import ValueType
from sparkmesos_core.conf.values import value_types
from sparkmesos_core.conf.values.constraints import Constraint
from sparkmesos_core.conf.values.docker import PortMap, Volume
from sparkmesos_core.errors import UsageError

ALL = {name: value for name, value in vars(value_types).items() if isinstance(value, ValueType)}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("TEXT", " a ", " a "),
        ("PATH", "/a b", "/a b"),
        ("BOOLEAN", "True", True),
        ("INTEGER", "8", 8),
        ("NUMBER", "0.5", 0.5),
        ("PORT", "0", 0),
        ("PORT", "65535", 65535),
        ("LIST", "a, b,", ("a", "b")),
        ("URIS", "http://a,hdfs://b", ("http://a", "hdfs://b")),
        ("URL", "http://h:80/x?y", "http://h:80/x?y"),
        ("BYTES", "1k", 1024),
        ("BYTES", "5", 5),
        ("MEBIBYTES", "512", 512),
        ("MEBIBYTES", "1g", 1024),
        ("MEMORY", "1g", 1024),
        ("MEMORY", "1048576", 1),
        ("WHOLE_MEBIBYTES", "384", 384),
        ("SECONDS", "2m", 120),
        ("SECONDS", "7", 7),
        ("MILLISECONDS", "2s", 2000),
        ("MILLISECONDS", "7", 7),
        ("WHOLE_SECONDS", "60", 60),
        ("FLOAT_SECONDS", "0.5", 0.5),
        ("CONSTRAINTS", "os:a", (Constraint("os", ("a",)),)),
        ("LABELS", "a:b", (("a", "b"),)),
        ("VOLUMES", "/a:ro", (Volume("/a", read_only=True),)),
        ("PORT_MAPS", "1:2", (PortMap(1, 2),)),
        ("DOCKER_PARAMETERS", "a=b", (("a", "b"),)),
        ("JAVA_OPTIONS", "-Da='b c' -x", ("-Da=b c", "-x")),
        ("ROLE", "*", "*"),
        ("ROLE", "eng/data.science-2", "eng/data.science-2"),
    ],
)
def test_value(name: str, text: str, value: Any) -> None:
    assert ALL[name].parse(text) == value


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("PORT", "65536", "is not between 0 and 65535"),
        ("PORT", "-1", "is not between 0 and 65535"),
        ("URL", "host:8080", "is not a URL"),
        ("URL", "/path", "is not a URL"),
        ("URL", "http://", "is not a URL"),
        ("URL", "http://h:port", "is not a URL"),
        ("URL", "http://[::1", "is not a URL"),
        ("URL", "http://a\nb", "is not a URL"),
        ("MEMORY", "1024", "less than 1 MiB"),
        ("MEMORY", "0g", "less than 1 MiB"),
        ("WHOLE_MEBIBYTES", "512m", "is not a whole number"),
        ("WHOLE_SECONDS", "60s", "is not a whole number"),
        ("FLOAT_SECONDS", "60s", "is not a number"),
        ("ROLE", "", "it is empty"),
        ("ROLE", "a b", "it holds a blank"),
        ("ROLE", "a\x7f", "it holds a blank"),
        ("ROLE", "/a", "between slashes is empty"),
        ("ROLE", "a//b", "between slashes is empty"),
        ("ROLE", "a/", "between slashes is empty"),
        ("ROLE", "-a", "no part of it may be"),
        ("ROLE", "a/..", "no part of it may be"),
        ("ROLE", "a/*", "no part of it may be"),
    ],
)
def test_not_a_value(name: str, text: str, reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        ALL[name].parse(text)
    assert reason in raised.value.message
    assert raised.value.hint


def test_at_least() -> None:
    kind = value_types.at_least(value_types.MILLISECONDS, 0)
    assert kind.parse("0s") == 0
    assert (kind.name, kind.unit) == ("time", "ms")
    assert kind.expects.endswith("at least 0 ms")
    with pytest.raises(UsageError, match="'-1s' is less than 0 ms"):
        kind.parse("-1s")
    with pytest.raises(UsageError, match="is not a time"):
        kind.parse("x")


def test_between() -> None:
    kind = value_types.between(value_types.NUMBER, 0, 1)
    assert kind.parse("1") == 1
    with pytest.raises(UsageError, match=r"'1\.5' is not between 0 and 1"):
        kind.parse("1.5")


def test_choice() -> None:
    kind = value_types.choice("docker", "mesos")
    assert kind.parse("mesos") == "mesos"
    assert kind.choices == ("docker", "mesos")
    assert "docker, mesos" in kind.expects
    with pytest.raises(UsageError, match="is not one of docker, mesos"):
        kind.parse("MESOS")
    assert value_types.choice("NONE", any_case=True).parse("none") == "NONE"


@pytest.mark.parametrize("name", sorted(ALL))
def test_types_say_how_to_write_a_value(name: str) -> None:
    assert ALL[name].expects
    assert not ALL[name].expects.endswith(".")


def refusal(kind: ValueType, text: str) -> str:
    """The message about a text that is no value; empty if it is one."""
    try:
        kind.parse(text)
    except UsageError as error:
        return error.message
    return ""


texts = st.text(st.characters(exclude_categories=())) | st.text("0123456789abkmgts:;,.=\\'\"-/*[] \n\0")


@given(texts)
@settings(max_examples=300)
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    for kind in ALL.values():
        assert refusal(kind, text).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "9" * 1_000_000,
        "-" * 1_000_000,
        "a:" * 500_000,
        ":" * 1_000_000,
        "," * 1_000_000,
        "a,b;" * 250_000,
        "\\" * 1_000_001,
        '"' * 1_000_001,
        "1." * 500_000,
        " " * 1_000_000 + "x" + " " * 1_000_000,
        "http://" + "[" * 1_000_000,
        "a/" * 500_000,
        "0x" + "f" * 1_000_000 + "p1",
        "\0\ud800" * 500_000,
    ],
)
def test_long_texts_are_values_or_errors(text: str) -> None:
    for kind in ALL.values():
        assert len(refusal(kind, text)) < 500
