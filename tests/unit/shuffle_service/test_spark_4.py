"""How a service of Spark 4 is started on an agent and here, by real shells, with a small stand-in for Spark."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest

from sparkmesos_core.conf.values.java_options import split_options
from sparkmesos_core.dist.facts import BRIDGE
from sparkmesos_core.shuffle_service.cleaner_script import VERDICT
from sparkmesos_core.shuffle_service.command import service_command
from sparkmesos_core.shuffle_service.spark_4 import CLASS, start_words

SHELLS = [
    pytest.param(command, id=name)
    for name, command in (("sh", ["/bin/sh"]), ("dash", ["dash"]), ("busybox", ["busybox", "sh"]))
    if shutil.which(command[0])
]
# As Spark's: bash that makes a command line of what it is asked for, and becomes that.
_SPARK_CLASS = """#!/usr/bin/env bash
CMD=("$SPARK_HOME/java" -cp "$SPARK_DAEMON_CLASSPATH:$SPARK_HOME/jars/*" $SPARK_SHUFFLE_OPTS "-Xmx$SPARK_DAEMON_MEMORY" "$@")
exec "${CMD[@]}"
"""
_JAVA = """#!/bin/sh
printf '%s\\0' "$$" "$@"
"""


def spark(folder: Path, *, with_bridge: bool = False, release: str = "4.3.0") -> Path:
    for name, text in (("bin/spark-class", _SPARK_CLASS), ("java", _JAVA)):
        program = folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    (folder / "jars").mkdir()
    (folder / "jars" / f"spark-core_2.13-{release}.jar").touch()
    if with_bridge:
        bridge(folder / BRIDGE)
    return folder


def bridge(path: Path, name: str = f"{CLASS.replace('.', '/')}.class") -> Path:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr(name, "")
    return path


def run(
    words: list[str], sandbox: Path, **variables: str
) -> tuple[int, list[str], subprocess.Popen[str], str]:
    sandbox.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "MESOS_SANDBOX": str(sandbox), **variables}
    with subprocess.Popen(
        words, cwd=sandbox, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        out, err = process.communicate(timeout=30)
    return process.returncode, out.split("\0")[:-1], process, err


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("where", ["inside", "fetched", "here"])
def test_the_task_becomes_our_class(shell: list[str], where: str, tmp_path: Path) -> None:
    """By the bridge that is found, in front of the class path; with what is told of services."""
    home = spark(tmp_path / "opt with blank" / "spark'4", with_bridge=where == "inside")
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    bridge(sandbox / "another.jar", "org/example/Main.class")
    here = bridge(tmp_path / "cache" / "bridge $1.jar") if where == "here" else None
    found = {"inside": str(home / BRIDGE), "here": str(here), "fetched": "./sparkmesos-bridge.jar"}[where]
    if where == "fetched":
        bridge(sandbox / "sparkmesos-bridge.jar")
    command = service_command(
        {"spark.shuffle.service.port": "7447", "spark.local.dir": "/data/1, /data/2"},
        heap=512,
        spark_home=str(home),
        variables={"SPARK_DAEMON_CLASSPATH": "/extra"},
        bridge=None if here is None else str(here),
    )
    code, words, process, err = run([*shell, "-c", command.script], sandbox)
    assert (code, err) == (0, "")
    assert words == [
        str(process.pid),  # so that whoever ends the task ends Java
        "-cp",
        f"{found}:/extra:{home}/jars/*",
        "-Dspark.shuffle.service.port=7447",
        "-Dspark.local.dir=/data/1,/data/2",
        "-Xmx512m",
        CLASS,
    ]
    assert (sandbox / VERDICT).read_text() == "alive\n"


def test_where_executors_have_their_files(tmp_path: Path) -> None:
    """What the variable says counts, as it does for them; a blank in it does not end the option."""
    properties = {"spark.executorEnv.SPARK_LOCAL_DIRS": "/my data", "spark.local.dir": "/no"}
    script = service_command(properties, heap=1, spark_home="/s").script
    (line,) = (line for line in script.splitlines() if "spark.local.dir" in line)
    told = subprocess.run(
        ["/bin/sh", "-c", f'{line}\nprintf %s "$SPARK_SHUFFLE_OPTS"'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert list(split_options(told)) == ["-Dspark.local.dir=/my data"]
    assert "spark.local.dir" not in service_command({}, heap=1, spark_home="/s").script


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("other", [None, "META-INF/services/org.example"])
def test_without_a_bridge(shell: list[str], other: str | None, tmp_path: Path) -> None:
    home = spark(tmp_path / "spark")
    if other is not None:
        bridge(home / BRIDGE, other)  # that of a Spark 3
    script = service_command({}, heap=512, spark_home=str(home)).script
    code, words, _, err = run([*shell, "-c", script], tmp_path / "sandbox")
    assert (code, words) == (1, [])
    assert f"sparkmesos: {home} holds a Spark 4, which needs a bridge that is made for it" in err
    assert "`sparkmesos upload-dist`" in err
    assert not (tmp_path / "sandbox" / VERDICT).exists()


def test_a_spark_3_starts_its_own(tmp_path: Path) -> None:
    home = spark(tmp_path / "spark", release="3.5.9", with_bridge=True)
    script = service_command({}, heap=512, spark_home=str(home)).script
    with subprocess.Popen(
        ["/bin/sh", "-c", script],
        env={"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert (
                process.stdout.read().split("\0")[-2]
                == "org.apache.spark.deploy.mesos.MesosExternalShuffleService"
            )
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_here(tmp_path: Path) -> None:
    home = spark(tmp_path / "spark")
    code, words, process, _ = run(
        start_words("/cache/a b.jar"),
        tmp_path,
        SPARK_HOME=str(home),
        SPARK_DAEMON_MEMORY="1g",
        POSIXLY_CORRECT="1",
    )
    assert code == 0
    assert words == [str(process.pid), "-cp", f"/cache/a b.jar::{home}/jars/*", "-Xmx1g", CLASS]
