"""The token, and the file it comes from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparkmesos_core.errors import ExitCode, UsageError
from sparkmesos_core.http_service.access_token import AccessToken, read_token

TOKEN = "0123456789abcdef-._~+/=="


@pytest.mark.parametrize("around", ["{}", "{}\n", "  {}\r\n\n"])
def test_the_token_without_the_space_around_it(around: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(around.format(TOKEN))
    assert read_token(file) == TOKEN


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"short-and-secret", None),
        (b"short-secret", "has 12 characters"),
        (b"two lines of a secret\nlike this one", "is no token"),
        (b"a secret with spaces in it", "is no token"),
        ("a-secret-with-\u00e4-umlaut".encode(), "is no token"),
        (b"\xff\xfe binary secret", "is no token"),
        (b"=========================", "is no token"),
        (b"x" * 5000, "it is larger than 4096 bytes"),
    ],
)
def test_what_can_be_a_token(content: bytes, reason: str | None, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    if reason is None:
        assert read_token(file) == content.decode()
        return
    with pytest.raises(UsageError) as refused:
        read_token(file)
    assert reason in refused.value.message
    assert str(file) in refused.value.message
    assert "secret" not in refused.value.message
    assert "openssl rand -hex 32" in refused.value.hint
    assert refused.value.exit_code == ExitCode.USAGE


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, tmp_path / "null\0"):
        with pytest.raises(UsageError, match="cannot be read"):
            read_token(path)


def test_a_pipe_that_a_shell_makes_of_a_command() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, TOKEN.encode() + b"\n")
        os.close(writing)
        assert read_token(Path(f"/dev/fd/{reading}")) == TOKEN
    finally:
        os.close(reading)


def test_recognises_the_token_and_shows_it_nowhere() -> None:
    token = AccessToken(TOKEN)
    assert token.is_proved_by(TOKEN)
    for other in ("", TOKEN[:-1], TOKEN + "=", TOKEN.upper(), "\udcff", "ä"):
        assert not token.is_proved_by(other)
    assert TOKEN not in repr(token)
    assert TOKEN not in str(vars(token))
