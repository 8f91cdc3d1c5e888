from __future__ import annotations

import pytest

from sparkmesos_core.conf.values.secrets import Secret, parse_secrets
from sparkmesos_core.errors import UsageError


def test_references_in_variables_and_files() -> None:
    assert parse_secrets("/a, /b", "", "A,B", "etc/a,etc/b") == (
        Secret("/a", None, "A", "etc/a"),
        Secret("/b", None, "B", "etc/b"),
    )


def test_values() -> None:
    assert parse_secrets("", "x,y", "", "f,g") == (Secret(value="x", file="f"), Secret(value="y", file="g"))


def test_none_at_all() -> None:
    assert parse_secrets("", " , ", "", "") == ()


def test_no_destination() -> None:
    assert parse_secrets("/a", "", "", "") == (Secret("/a"),)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("/a", "hush", "", ""), "Secrets are given by name as well as by value"),
        (("", "hush,hushhush", "A", ""), "secret.envkeys has 1 item for 2 secrets"),
        (("/a", "", "A,B", ""), "secret.envkeys has 2 items for 1 secret"),
        (("/a", "", "A", "x,y,z"), "secret.filenames has 3 items for 1 secret"),
        (("", "", "", "x"), "secret.filenames has 1 item for 0 secrets"),
        (("", "hush,hushhush", "A,A", ""), "secret.envkeys names 'A' for two secrets"),
        (("", "hush", "A=hush", ""), "secret.envkeys: 'A=hush' is not the name of a variable"),
    ],
)
def test_contradictions(texts: tuple[str, str, str, str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_secrets(*texts)
    assert raised.value.message == message
    assert raised.value.hint


def test_a_value_is_never_shown() -> None:
    assert "hush" not in repr(parse_secrets("", "hush", "A", ""))
