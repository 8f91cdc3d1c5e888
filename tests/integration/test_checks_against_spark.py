"""What a check calls an error because Spark refuses it, Spark refuses; and what the check passes, Spark passes.

One JVM makes a SparkContext for each case. A configuration that Spark accepts gets as far as loading libmesos,
which is not there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.conf.checks import Circumstances, Mode, check_configuration
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java

pytestmark = pytest.mark.slow

PROGRAM = """
import json, sys
from py4j.protocol import Py4JJavaError
from pyspark import SparkConf, SparkContext

SparkContext._ensure_initialized()
for line in sys.stdin:
    conf = SparkConf(False).setMaster("mesos://127.0.0.1:1").setAppName("check").set("spark.ui.enabled", "false")
    for key, value in json.loads(line).items():
        conf.set(key, value)
    try:
        SparkContext(conf=conf).stop()
        answer = "started"
    except Py4JJavaError as error:
        texts, cause = [], error.java_exception
        while cause is not None:
            texts.append(cause.toString())
            cause = cause.getCause()
        answer = " / ".join(texts)
    print(json.dumps(answer), flush=True)
"""


# The rule, what Spark refuses, what it says, and what comes near to it and is fine.
CASES: list[tuple[str, dict[str, str], str, dict[str, str]]] = [
    # First, since Spark keeps what it has worked out about executors for the life of a JVM.
    (
        "executor-too-small-for-task",
        {"spark.executor.cores": "1", "spark.task.cpus": "2"},
        "number of cpus per task",
        {"spark.executor.cores": "2", "spark.task.cpus": "2"},
    ),
    (
        "heap-too-small",
        {"spark.executor.memory": "449m"},
        "INVALID_EXECUTOR_MEMORY",
        {"spark.executor.memory": "450m"},
    ),
    (
        "io-encryption",
        {"spark.io.encryption.enabled": "true"},
        "not supported in Mesos",
        {"spark.io.encryption.enabled": "false"},
    ),
    (
        "authentication-secret-missing",
        {"spark.authenticate": "true"},
        "spark.authenticate.secret",
        {"spark.authenticate": "true", "spark.authenticate.secret": "x"},
    ),
    (
        "authentication-secret-missing",
        {"spark.authenticate": "true", "spark.authenticate.secret.file": "/etc/hostname"},
        "spark.authenticate.secret config",
        {"spark.authenticate": "true", "spark.authenticate.secret": "x"},
    ),
    (
        "encryption-without-authentication",
        {"spark.network.crypto.enabled": "true"},
        "spark.authenticate must be enabled",
        {
            "spark.network.crypto.enabled": "true",
            "spark.authenticate": "true",
            "spark.authenticate.secret": "x",
        },
    ),
    (
        "encryption-without-authentication",
        {"spark.authenticate.enableSaslEncryption": "true"},
        "spark.authenticate must be enabled",
        {"spark.authenticate.enableSaslEncryption": "false"},
    ),
    (
        "heartbeat-interval",
        {"spark.executor.heartbeatInterval": "120s"},
        "must be greater than",
        {"spark.executor.heartbeatInterval": "119s"},
    ),
    (
        "heap-in-java-options",
        {"spark.executor.extraJavaOptions": "-Xmx1g"},
        "max heap memory",
        {"spark.executor.extraJavaOptions": "-Xms1g"},
    ),
    (
        "properties-in-java-options",
        {"spark.executor.extraJavaOptions": "-Dspark.ui.port=1"},
        "not allowed to set Spark options",
        {"spark.executor.extraJavaOptions": "-Dport=spark.ui.port"},
    ),
    (
        "wrong-value",
        {"spark.mesos.constraints": "os"},
        "Bad constraint string",
        {"spark.mesos.constraints": "os:"},
    ),
    (
        "wrong-value",
        {"spark.mesos.extra.cores": "many"},
        "spark.mesos.extra.cores should be int",
        {"spark.mesos.extra.cores": "2"},
    ),
    (
        "wrong-value",
        {"spark.mesos.rejectOfferDuration": "2 minutes"},
        "2 minutes",
        {"spark.mesos.rejectOfferDuration": "2min"},
    ),
    (
        "secret-without-principal",
        {"spark.mesos.secret": "x"},
        "spark.mesos.principal",
        {"spark.mesos.secret": "x", "spark.mesos.principal": "p"},
    ),
]


def errors_of(properties: dict[str, str], version: str) -> list[str]:
    origin = Origin(Source.FILE, "spark-defaults.conf")
    configuration = Configuration([[Setting(key, value, origin) for key, value in properties.items()]])
    found = check_configuration(configuration, Circumstances(Mode.CLIENT, version))
    return [one.id for one in found if one.severity is Severity.ERROR]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What Spark says to each case and to what is fine, in turns."""
    spark = find_spark(None, {})
    environment: dict[str, Any] = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "SPARK_HOME": str(spark.path),
        "JAVA_HOME": str(find_java(spark, os.environ).home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "MESOS_NATIVE_JAVA_LIBRARY": "/nonexistent/libmesos.so",
        "PYSPARK_SUBMIT_ARGS": "--driver-memory 600m pyspark-shell",
    }
    asked = [one for case in CASES for one in (case[1], case[3])]
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="".join(json.dumps(one) + "\n" for one in asked),
        capture_output=True,
        text=True,
        env=environment,
        cwd=Path(environment["HOME"]),
        timeout=180,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    answers = [json.loads(line) for line in process.stdout.splitlines()]
    assert len(answers) == len(asked)
    return answers


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case[0] for case in CASES])
def test_spark_and_the_check_agree(number: int, answers: list[str]) -> None:
    version = find_spark(None, {}).version
    rule, refused, says, fine = CASES[number]
    assert says in answers[2 * number]
    assert rule in errors_of(refused, version)
    assert "UnsatisfiedLinkError" in answers[2 * number + 1]
    assert errors_of(fine, version) == []


@pytest.mark.parametrize(
    "memory", ["1g", "1G", "1048576k", "01g", "600000000", "1gb", "1024mb", "1000000000b", "1p", " 1g", "1g "]
)
def test_java_and_the_check_agree_about_the_heap_of_the_driver(memory: str) -> None:
    java = find_java(find_spark(None, {}), os.environ).executable
    started = subprocess.run([str(java), f"-Xmx{memory}", "-version"], capture_output=True, check=False)
    found = errors_of({"spark.driver.memory": memory}, "3.5.9")
    assert ("heap-not-for-java" in found) == (started.returncode != 0)


def test_in_cluster_mode_the_driver_gets_the_heap_that_the_submission_says() -> None:
    """The dispatcher gives its driver both, and for Spark's launcher, too, --conf is stronger."""
    spark = find_spark(None, {})
    done = subprocess.run(
        [
            str(spark.path / "bin" / "spark-class"), "org.apache.spark.deploy.SparkSubmit",
            "--driver-memory", "1408M", "--conf", "spark.driver.memory=1gb", "app.py",
        ],
        env={"PATH": os.environ["PATH"], "JAVA_HOME": str(find_java(spark, os.environ).home)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Invalid maximum heap size: -Xmx1gb" in done.stderr
