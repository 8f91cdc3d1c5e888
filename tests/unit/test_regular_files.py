from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparkmesos_core.regular_files import read_regular_file


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert read_regular_file(tmp_path / "link") == b"abc"
    assert read_regular_file(tmp_path / "file", at_most=3) == b"abc"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "No such file or directory"),
        (".", "it is not a regular file"),
        ("pipe", "it is not a regular file"),
        ("/dev/zero", "it is not a regular file"),
        ("large", "it is larger than 3 bytes"),
        ("a\0b", "no file can have this name"),
        ("\ud800", "no file can have this name"),
    ],
)
def test_anything_else_is_an_error_with_a_reason(tmp_path: Path, name: str, reason: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"abcd")
    with pytest.raises(OSError) as caught:  # noqa: PT011 - of which kind is the system's business
        read_regular_file(tmp_path / name, at_most=3)
    assert caught.value.strerror == reason
