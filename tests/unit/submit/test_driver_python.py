from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.conf.precedence import submit_configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.errors import InterpreterNotFoundError
from sparkmesos_core.submit.driver_python import (
    NamedPython,
    python_of_application,
    python_of_shell,
    require_python,
)

CONF = Origin(Source.CONF, "--conf")
BOTH, OURS = "spark.pyspark.python", "spark.pyspark.driver.python"
BOTH_V, OURS_V = "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON"


def named(properties: dict[str, str], **variables: str) -> tuple[NamedPython | None, NamedPython | None]:
    """What names the Python of an application, and that of a shell."""
    configuration = submit_configuration(
        conf=[Setting(key, value, CONF) for key, value in properties.items()], env=SparkEnv(variables)
    )
    return python_of_application(configuration, variables), python_of_shell(configuration, variables)


@pytest.mark.parametrize(
    ("properties", "variables", "expected"),
    [
        ({}, {}, None),
        ({OURS: "a", BOTH: "b"}, {OURS_V: "c", BOTH_V: "d"}, NamedPython("a", OURS, "--conf")),
        ({BOTH: "b"}, {OURS_V: "c", BOTH_V: "d"}, NamedPython("b", BOTH, "--conf")),
        ({}, {OURS_V: "c", BOTH_V: "d"}, NamedPython("c", OURS_V)),
        ({}, {BOTH_V: "d"}, NamedPython("d", BOTH_V)),
        ({}, {"SPARK_SUBMIT_OPTS": f"-D{BOTH}=e", OURS_V: "c"}, NamedPython("e", BOTH, "SPARK_SUBMIT_OPTS")),
    ],
)
def test_the_first_in_sparks_order(
    properties: dict[str, str], variables: dict[str, str], expected: NamedPython | None
) -> None:
    assert named(properties, **variables) == (expected, expected)


@pytest.mark.parametrize(
    ("properties", "variables", "application"),
    [
        ({OURS: "", BOTH: "b"}, {}, NamedPython("", OURS, "--conf")),
        ({}, {OURS_V: "", BOTH_V: "b"}, NamedPython("", OURS_V)),
    ],
)
def test_what_is_empty_counts_for_applications_only(
    properties: dict[str, str], variables: dict[str, str], application: NamedPython
) -> None:
    of_application, of_shell = named(properties, **variables)
    assert of_application == application
    assert of_shell is not None
    assert of_shell.program == "b"


def test_what_spark_has_yet_to_replace() -> None:
    """Nobody knows what it will be, and what would follow does not count."""
    assert named({BOTH: "${env:HOME}/bin/python"}, PYSPARK_PYTHON="/nonexistent")[0] is None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with an environment in it, and a folder of the PATH."""
    for name in ("env/bin/python", "path/python3.11"):
        program = tmp_path / name
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
    (tmp_path / "script").touch(mode=0o644)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "program", ["python3.11", "./env/bin/python", "env/bin/python", "{}/path/python3.11"]
)
def test_those_that_are_there(folder: Path, program: str) -> None:
    python = NamedPython(program.format(folder), BOTH_V)
    require_python(python, {"PATH": f"/nonexistent:{folder}/path"}, "the driver")


@pytest.mark.parametrize(
    ("python", "message", "hint"),
    [
        (
            NamedPython("python3.12", BOTH_V),
            "The Python of the driver, 'python3.12' (PYSPARK_PYTHON), is not there",
            "Correct it, or if it is meant for agents, set PYSPARK_DRIVER_PYTHON to one of this machine.",
        ),
        (
            NamedPython("./environment/bin/python", BOTH, "/c/spark-defaults.conf:3"),
            "'./environment/bin/python' (spark.pyspark.python, /c/spark-defaults.conf:3), is not there",
            "if it is meant for agents, set spark.pyspark.driver.python to",
        ),
        (NamedPython("script", OURS_V), "'script' (PYSPARK_DRIVER_PYTHON), is not there", "leave it out"),
        (NamedPython("./script", OURS_V), "is no program that can be run", "leave it out"),
        (NamedPython("env/bin", OURS, "--conf"), "is no program that can be run", "leave it out"),
        (
            NamedPython("", OURS_V),
            "The Python of the driver has no name: PYSPARK_DRIVER_PYTHON is empty, which does not unset it",
            "Unset it",
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_those_that_are_not(python: NamedPython, message: str, hint: str) -> None:
    with pytest.raises(InterpreterNotFoundError) as caught:
        require_python(python, {"PATH": "/nonexistent"}, "the driver")
    assert message in caught.value.message
    assert hint in caught.value.hint
