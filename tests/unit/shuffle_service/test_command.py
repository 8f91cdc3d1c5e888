"""The script of a service, run by real shells, with a small stand-in for bin/spark-class."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from sparkmesos_core.conf.values.java_options import split_options
from sparkmesos_core.errors import UsageError
from sparkmesos_core.process_end import has_ended
from sparkmesos_core.shuffle_service.command import is_read_by_service, service_command

SHELLS = [
    pytest.param(command, id=name)
    for name, command in (
        ("sh", ["/bin/sh"]),
        ("dash", ["dash"]),
        ("bash", ["bash"]),
        ("busybox", ["busybox", "sh"]),
    )
    if shutil.which(command[0])
]
CLASS = "org.apache.spark.deploy.mesos.MesosExternalShuffleService"
SHORT_SECONDS = f"sleep() {{ {shutil.which('sleep')} 0.05; }}\n"
"""The script looks after its service once a second."""
DUMP_OPTIONS = ("-XX:+UnlockDiagnosticVMOptions", "-XX:+LogVMOutput")

_SPARK_CLASS = """#!/bin/sh
printf '%s\\0' "$$" "$@" "SPARK_HOME=$SPARK_HOME" "SPARK_DAEMON_MEMORY=$SPARK_DAEMON_MEMORY" \\
    "SPARK_SHUFFLE_OPTS=$SPARK_SHUFFLE_OPTS" "SPARK_DAEMON_CLASSPATH=$SPARK_DAEMON_CLASSPATH"
"""

AWKWARD = {
    "spark.shuffle.service.port": "7447",
    "spark.metrics.conf": '/etc/with blank/it\'s "quoted" $HOME `id` \\ back;&|<>*?[x]{y}~#!%ü\ttab',
    "spark.shuffle.io.serverThreads": "4",
}


def spark(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "spark-class"
    program.write_text(_SPARK_CLASS)
    program.chmod(0o755)
    return folder


def run(shell: list[str], script: str, sandbox: Path, **variables: str) -> list[str]:
    """What the stand-in printed."""
    sandbox.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "MESOS_SANDBOX": str(sandbox), **variables}
    with subprocess.Popen(
        [*shell, "-c", SHORT_SECONDS + script],
        cwd=sandbox,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return output.split("\0")[:-1]


@pytest.mark.parametrize("shell", SHELLS)
def test_it_starts_spark_class_with_its_options(shell: list[str], tmp_path: Path) -> None:
    home = spark(tmp_path / "opt with blank" / "spark'3")
    variables = {
        "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseG1GC -Dspark.shuffle.service.port=1",
        "SPARK_SHUFFLE_OPTS": "-Dx='a b'",
        "SPARK_DAEMON_CLASSPATH": "/a b/*:/c",
    }
    command = service_command(AWKWARD, heap=900, spark_home=str(home), variables=variables)
    told = run(shell, command.script, tmp_path / "sandbox", SPARK_HOME="/another")
    assert told[1] == CLASS
    assert told[2:4] == [f"SPARK_HOME={home}", "SPARK_DAEMON_MEMORY=900m"]
    assert told[5] == "SPARK_DAEMON_CLASSPATH=/a b/*:/c"
    options = split_options(told[4].removeprefix("SPARK_SHUFFLE_OPTS="))
    expected = [f"-D{name}={value}" for name, value in sorted(AWKWARD.items())]
    own = [option for option in options if option not in DUMP_OPTIONS and "LogFile=" not in option]
    assert own == ["-XX:+UseG1GC", "-Dx=a b", *expected]


@pytest.mark.parametrize("shell", SHELLS)
def test_spark_of_an_archive_wins_over_one_of_the_agent(shell: list[str], tmp_path: Path) -> None:
    sandbox = tmp_path / "sandbox"
    home = spark(sandbox / "spark-3.5.9-bin-hadoop3")
    (sandbox / "spark-3.5.9-bin-hadoop3.tgz").touch()
    properties = {
        "spark.executor.uri": "http://files/spark-3.5.9-bin-hadoop3.tgz",
        "spark.mesos.uris": "http://files/a.jar,http://files/b.jar",
        "spark.mesos.fetcherCache.enable": "true",
    }
    command = service_command(properties, heap=1024, spark_home="/nowhere")
    told = run(shell, command.script, sandbox, SPARK_HOME="/another")
    assert told[2] == f"SPARK_HOME={home}"
    assert command.uris == tuple(
        {"value": f"http://files/{name}", "cache": True}
        for name in ("spark-3.5.9-bin-hadoop3.tgz", "a.jar", "b.jar")
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_a_missing_spark_is_said(shell: list[str], tmp_path: Path) -> None:
    command = service_command({}, heap=1024, spark_home="/no/spark here")
    done = subprocess.run([*shell, "-c", command.script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 127
    assert done.stderr == "sparkmesos: there is no bin/spark-class in /no/spark here\n"


def test_sigterm_ends_it(tmp_path: Path) -> None:
    home = spark(tmp_path / "spark")
    (home / "bin" / "spark-class").write_text("#!/bin/sh\necho $$\nexec sleep 600\n")
    command = service_command({}, heap=1024, spark_home=str(home))
    with subprocess.Popen(
        ["/bin/sh", "-c", command.script], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        service = int(process.stdout.readline())
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
        assert has_ended(service)


def test_the_secret_is_in_a_variable_and_nowhere_else() -> None:
    properties = {"spark.authenticate": "true", "spark.authenticate.secret": "s3cr3t"}
    command = service_command(properties, heap=1024, spark_home="/spark")
    assert command.secrets == {"_SPARK_AUTH_SECRET": "s3cr3t"}
    assert "-Dspark.authenticate=true" in command.script
    assert "s3cr3t" not in command.script
    assert "s3cr3t" not in repr(command)
    without = service_command({"spark.authenticate.secret": "s3cr3t"}, heap=1024, spark_home="/spark")
    assert without.secrets == {}


@pytest.mark.parametrize(
    ("properties", "variables", "message"),
    [
        ({}, {"SPARK_SHUFFLE_OPTS": "-Xmx4g"}, "SPARK_SHUFFLE_OPTS has -Xmx4g, which Spark refuses"),
        ({}, {"SPARK_DAEMON_JAVA_OPTS": "'a"}, "SPARK_DAEMON_JAVA_OPTS cannot be split"),
        ({}, {"SPARK_SHUFFLE_OPTS": "-Dkey.password=x"}, "SPARK_SHUFFLE_OPTS has a secret, key.password"),
        ({"spark.authenticate": "true"}, {}, "there is no spark.authenticate.secret"),
        ({"spark.metrics.conf.x.sink.password": "x"}, {}, "spark.metrics.conf.x.sink.password is a secret"),
        ({"spark.metrics.conf": "a\0b"}, {}, "has a NUL in it"),
        ({"spark.executor.uri": "http://files/"}, {}, "names no file"),
    ],
)
def test_what_cannot_be_is_said(properties: dict[str, str], variables: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        service_command(properties, heap=1024, spark_home="/spark", variables=variables)


def test_nobody_says_where_spark_is() -> None:
    with pytest.raises(UsageError, match="Nobody says where agents have Spark") as raised:
        service_command({}, heap=1024)
    for way in ("--conf spark.executor.uri=", "--conf spark.mesos.executor.home=", "--spark-home"):
        assert way in raised.value.hint


def test_only_what_the_service_reads_is_passed_on() -> None:
    assert is_read_by_service("spark.shuffle.service.port")
    assert is_read_by_service("spark.shuffle.cleaner.interval")
    assert is_read_by_service("spark.shuffle.io.serverThreads")
    assert not is_read_by_service("spark.executor.memory")
    assert not is_read_by_service("spark.mesos.role")
    properties = {"spark.executor.memory": "4g", "spark.app.name": "x"}
    assert "-D" not in service_command(properties, heap=1, spark_home="/s").script
