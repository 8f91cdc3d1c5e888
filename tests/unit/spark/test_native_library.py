from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.native_library import VARIABLE, find_libmesos


def test_the_variable_comes_first(tmp_path: Path) -> None:
    mine, usual = tmp_path / "mine.so", tmp_path / "lib" / "libmesos.so"
    usual.parent.mkdir()
    mine.touch()
    usual.touch()
    assert find_libmesos({VARIABLE: str(mine)}, (str(usual.parent),)) == mine
    assert find_libmesos({}, (str(usual.parent),)) == usual


def test_none(tmp_path: Path) -> None:
    assert find_libmesos({}, (str(tmp_path),)) is None


def test_the_variable_names_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a file"):
        find_libmesos({VARIABLE: str(tmp_path / "nope.so")})
