from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.script_trial import try_script

ENVIRONMENT = {"PATH": os.environ["PATH"], "SPARK_ENV_LOADED": "1"}


def tried(folder: Path, text: str) -> None:
    try_script(folder / "spark-env.sh", text, {"A": "x"}, None, ENVIRONMENT)


def test_the_value_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "more.sh").write_text("B=x")
    (tmp_path / "spark-env.sh").write_text("exit 1")
    tried(tmp_path, 'C=\udcff\n. "${BASH_SOURCE%/*}/more.sh"\nA=$B')
    assert sorted(path.name for path in tmp_path.iterdir()) == ["more.sh", "spark-env.sh"]
    assert (tmp_path / "spark-env.sh").read_text() == "exit 1"


def test_a_folder_that_is_still_to_be_made(tmp_path: Path) -> None:
    tried(tmp_path / "new", "A=x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("return 0\nexport A=x\n", "spark-env.sh would not give A the value that was asked for"),
        ("A=y", "spark-env.sh would not give A the value"),
        ("if true\nA=x", r".*/spark-env\.sh:\d is not valid bash"),
        ("A=x\nexit 0", ".*/spark-env.sh ended the shell"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        tried(tmp_path, text)
    assert str(tmp_path / "spark-env.sh") in caught.value.message
    assert "Nothing was written" in caught.value.hint
