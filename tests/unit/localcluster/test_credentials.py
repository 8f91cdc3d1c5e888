from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.credentials import Authentication, is_open_to_others, read_credentials

KNOWN = {"spark": "sp4rk", "ops": "0psecret", "nobody": ""}


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "principal"),
    [
        (None, None),
        ("", None),
        (basic("spark:sp4rk"), "spark"),
        (basic("ops:0psecret"), "ops"),
        (basic("nobody:"), "nobody"),
        (basic("spark:wrong"), None),
        (basic("stranger:"), None),
        (basic("spark"), None),
        (basic("spark:sp4rk:"), None),
        ("Basic !!!", None),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), None),
        ("Bearer abc", None),
        ("basic " + base64.b64encode(b"spark:sp4rk").decode(), None),
    ],
)
def test_who_sends_a_header(header: str | None, principal: str | None) -> None:
    assert Authentication(KNOWN).principal_of(header) == principal


def test_secrets_are_not_shown() -> None:
    assert "sp4rk" not in repr(Authentication(KNOWN, frameworks=True))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(
            {"credentials": [{"principal": "spark", "secret": "s"}, {"principal": "b", "secret": "c"}]}
        ),
        "spark s\nb c\n",
        "\n  spark\ts \r\n\nb c",
    ],
)
def test_files_of_credentials(tmp_path: Path, text: str) -> None:
    file = tmp_path / "credentials"
    file.write_text(text)
    assert read_credentials(file) == {"spark": "s", "b": "c"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no credentials"),
        (b'{"credentials": []}', "holds no credentials"),
        (b"{", "is not a file of credentials"),
        (b"{}", "is not a file of credentials"),
        (b'{"credentials": [{"secret": "hush"}]}', "is not a file of credentials"),
        (b'{"credentials": [{"principal": "a", "secret": 7}]}', "is not a file of credentials"),
        (b'{"credentials": 7}', "is not a file of credentials"),
        (b"spark s hush", "is not a file of credentials"),
        (b"hush", "is not a file of credentials"),
        (b"spark \xff", "no UTF-8"),
        (b"spark a:hush", "has a colon"),
    ],
)
def test_files_that_hold_something_else(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "credentials"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=problem) as caught:
        read_credentials(file)
    assert str(file) in caught.value.message
    assert "hush" not in caught.value.message + caught.value.hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_credentials(tmp_path / "nope")


def test_who_may_read_a_file(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("a b")
    file.chmod(0o640)
    assert not is_open_to_others(file)
    file.chmod(0o644)
    assert is_open_to_others(file)
