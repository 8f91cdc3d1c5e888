from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.errors import UsageError
from sparkmesos_core.upload.hdfs.tokens import delegation_token


def number(value: int) -> bytes:
    if value <= 127:
        return bytes([value])
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return (-112 - len(digits)).to_bytes(1, "big", signed=True) + digits


def text(content: bytes) -> bytes:
    return number(len(content)) + content


def token(identifier: bytes, password: bytes, kind: str, service: str = "n:8020") -> bytes:
    return text(identifier) + text(password) + text(kind.encode()) + text(service.encode())


def file_of(*tokens: bytes, version: int = 0) -> bytes:
    named = b"".join(text(b"alias") + one for one in tokens)
    return b"HDTS" + bytes([version]) + number(len(tokens)) + named + number(0)


@pytest.mark.parametrize("kind", ["HDFS_DELEGATION_TOKEN", "WEBHDFS delegation", "SWEBHDFS delegation"])
@pytest.mark.parametrize("size", [0, 127, 128, 300, 70_000])
def test_the_token_of_hdfs_among_others(kind: str, size: int) -> None:
    wanted = token(b"i" * size, b"password", kind)
    found = delegation_token(file_of(token(b"x", b"y", "TIMELINE_DELEGATION_TOKEN"), wanted))
    assert base64.urlsafe_b64decode(found + "=" * (-len(found) % 4)) == wanted
    assert "=" not in found


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no file of Hadoop's tokens"),
        (b"HDTS", "no file of Hadoop's tokens"),
        (b"token", "no file of Hadoop's tokens"),
        (file_of(version=1), "newer format"),
        (file_of(), "no token of HDFS"),
        (file_of(token(b"", b"", "KMS")), "no token of HDFS"),
        (
            file_of(
                token(b"a", b"hush", "HDFS_DELEGATION_TOKEN", "one:1"),
                token(b"b", b"hush", "HDFS_DELEGATION_TOKEN", "two:2"),
            ),
            r"2 tokens of HDFS \(for one:1, two:2\)",
        ),
        (b"HDTS\0" + b"\x87", "damaged"),
    ],
)
def test_what_holds_none(content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        delegation_token(content)
    assert "hush" not in caught.value.message


def test_a_file_cut_anywhere() -> None:
    whole = file_of(token(b"identifier", b"password" * 40, "HDFS_DELEGATION_TOKEN"))
    for end in range(len(whole) - 1):  # the last byte counts what comes behind the tokens
        with pytest.raises(UsageError):
            delegation_token(whole[:end])


@given(st.binary())
def test_anything_else_is_a_usage_error(content: bytes) -> None:
    with pytest.raises(UsageError):
        delegation_token(b"HDTS\0" + content)
