"""Arguments from the terminal to a real driver: byte for byte, or refused before anything starts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.integration.spark_submit_jvm.cases import TEXTS
from tests.integration.spark_submit_jvm.submitter import compile_scala

pytestmark = pytest.mark.slow

# None of them needs a SparkContext: what counts is on the way to the program.
PYTHON = """
import json, os, sys
with open(os.environ["RECEIVED"], "w") as file:
    json.dump([os.fsencode(argument).hex() for argument in sys.argv[1:]], file)
"""
SCALA = """
object Received {
  def main(args: Array[String]): Unit = {
    val hex = args.map(argument => "\\"" + argument.getBytes("UTF-8").map("%02x".format(_)).mkString + "\\"")
    val path = java.nio.file.Paths.get(System.getenv("RECEIVED"))
    java.nio.file.Files.write(path, hex.mkString("[", ",", "]").getBytes("UTF-8"))
  }
}
"""
CORPUS = [text.encode() for text in TEXTS]
# Options pass through the same scripts, their values through the launcher's own parser.
OPTIONS = ["--name", "naïve $(x) 'q'", "--conf", 'spark.a=b "c" \n d', "--conf=spark.é=日本"]


@pytest.fixture(scope="module")
def scala_jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scala")
    source = folder / "Received.scala"
    source.write_text(SCALA)
    compile_scala(source, folder / "classes")
    with zipfile.ZipFile(folder / "received.jar", "w") as jar:
        for path in (folder / "classes").rglob("*.class"):
            jar.write(path, path.name)
    return folder / "received.jar"


def locale_variables(**variables: str) -> dict[str, str]:
    """What a terminal, cron or a container would have set, and nothing else."""
    return {name: variables.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG", "PYTHONUTF8")}


@pytest.mark.parametrize(
    "environment",
    [
        locale_variables(LC_ALL="C"),
        locale_variables(LC_ALL="C.UTF-8"),
        locale_variables(LANG="xx_YY.UTF-8", LC_CTYPE="C.UTF-8"),
    ],
    ids=["C", "UTF-8", "one that is not installed"],
)
def test_python(commands, tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "argv.py").write_text(PYTHON)
    received = tmp_path / "received.json"
    arguments = ["submit", "--master", "embedded[1]", *OPTIONS, "argv.py"]
    run = commands.run(*arguments, *map(os.fsdecode, CORPUS), RECEIVED=str(received), **environment)
    assert run.returncode == 0, run.stderr
    assert [bytes.fromhex(argument) for argument in json.loads(received.read_bytes())] == CORPUS


def test_scala(commands, tmp_path: Path, scala_jar: Path) -> None:
    received = tmp_path / "received.json"
    arguments = ["submit", "--master", "embedded[1]", "--class", "Received", str(scala_jar), *TEXTS]
    run = commands.run(*arguments, RECEIVED=str(received), **locale_variables(LC_ALL="C"))
    assert run.returncode == 0, run.stderr
    assert [bytes.fromhex(argument) for argument in json.loads(received.read_bytes())] == CORPUS


def test_arguments_in_the_character_set_of_another_locale(commands, tmp_path: Path) -> None:
    localedef = shutil.which("localedef")
    made = localedef and subprocess.run(
        [localedef, "-i", "en_US", "-f", "ISO-8859-1", str(tmp_path / "xx_YY.ISO-8859-1")],
        capture_output=True,
        check=False,
    )
    if not made or made.returncode != 0:
        pytest.skip("no localedef, or nothing to make a locale of")
    (tmp_path / "argv.py").write_text(PYTHON)
    received = tmp_path / "received.json"
    environment = locale_variables(LC_ALL="xx_YY.ISO-8859-1")
    process = commands.start(
        *("submit", "--master", "embedded[1]", "argv.py", os.fsdecode(b"caf\xe9 \xff")),
        RECEIVED=str(received),
        LOCPATH=str(tmp_path),
        **environment,
    )
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert [bytes.fromhex(argument) for argument in json.loads(received.read_bytes())] == [b"caf\xe9 \xff"]


@pytest.mark.parametrize("mode", ["client", "cluster"])
@pytest.mark.parametrize(
    ("data", "problem"),
    [(b"a\rb", "carriage return"), (b"trailing\r", "carriage return"), (b"\xff", "not valid UTF-8")],
)
def test_what_cannot_arrive_is_refused(commands, mode: str, data: bytes, problem: str) -> None:
    arguments = ["submit", "--deploy-mode", mode, "--master", "mesos://127.0.0.1:1", "local:///app.py"]
    for odd in (
        [*arguments, os.fsdecode(data)],
        [*arguments[:-1], "--name", os.fsdecode(data), "local:///app.py"],
    ):
        run = commands.run(*odd, **locale_variables(LC_ALL="C.UTF-8"))
        assert run.returncode == 2, run.stderr
        assert problem in run.stderr
        assert "Traceback" not in run.stderr
