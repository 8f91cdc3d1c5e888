"""What a driver in client mode is configured with: ours against what Spark's own spark-submit would set."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkmesos_core.client_configuration import ClientConfiguration, read_client_configuration
from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.argument_checks import check_values
from sparkmesos_core.spark.arguments import SubmitArguments
from tests.integration.spark_submit_jvm.cases import CONFS, TEXTS, VALUES, Case
from tests.integration.spark_submit_jvm.comparison import ENVIRONMENT
from tests.integration.spark_submit_jvm.submitter import Submitter

if TYPE_CHECKING:
    from tests.integration.spark_under_test import SparkUnderTest

pytestmark = pytest.mark.slow

SEED = 20261122
MASTER = "mesos://127.0.0.1:5050"
# Lists of files, which spark-submit resolves, and what it makes up. Packages would be downloaded.
RESOLVED = {
    "spark.yarn.dist.files",
    "spark.jars",
    "spark.files",
    "spark.archives",
    "spark.submit.pyFiles",
    "spark.repl.local.jars",
}
MADE_UP = {
    "spark.app.submitTime",
    "spark.app.name",
    "spark.submit.deployMode",
    "spark.ui.showConsoleProgress",
}
# What spark-submit makes of properties that have another name.
RENAMED = {"spark.kerberos.principal", "spark.kerberos.keytab"}
JAVA_OPTIONS = ("spark.driver.defaultJavaOptions", "spark.driver.extraJavaOptions")
# What these options mean is for drivers in cluster mode.
CLUSTER_ONLY = {"spark.driver.cores", "spark.driver.supervise"}
OPTIONS = (
    "--name", "--driver-memory", "--executor-memory", "--driver-cores", "--executor-cores", "--total-executor-cores",
    "--num-executors", "--driver-java-options", "--driver-library-path", "--driver-class-path", "--queue",
    "--properties-file", "--supervise",
)  # fmt: skip
# Those that came with Spark 4.
OPTIONS_OF_4 = ("--load-spark-defaults", "--extra-properties-file", "--driver-default-class-path")
# It is for masters of Spark's own, of which that of the bridge is one to spark-submit; in client mode it has no meaning.
REFUSED_BY_4 = "spark.master.rest.enabled=yes"
VALUES_OF_4 = {
    "--extra-properties-file": VALUES["--properties-file"],
    "--driver-default-class-path": VALUES["--driver-class-path"],
}
VARIABLES = {
    "SPARK_CONF_DIR": ("{directory}/conf",), "SPARK_EXECUTOR_MEMORY": ("4g", ""), "SPARK_DRIVER_MEMORY": ("3g",),
    "SPARK_EXECUTOR_CORES": ("4",), "MASTER": ("local",), "DEPLOY_MODE": ("client",),
    "SPARK_SUBMIT_OPTS": ("-Dspark.executor.memory=9g -Dspark.from.opts=1", "-Dspark.x='a b' -Dspark.cores.max=7"),
}  # fmt: skip


def cases(options: Sequence[str], values: Mapping[str, Sequence[str]]) -> Iterator[Case]:
    """Command lines of these options, each with one of its values if it takes any."""
    chance = random.Random(SEED)
    harmless = [conf for conf in CONFS if "packages" not in conf and "spark.jars" not in conf]
    for number in range(400):
        arguments = ["--master", MASTER]
        for _ in range(chance.randrange(7)):
            kind = chance.random()
            if kind < 0.35:
                arguments += ["--conf", chance.choice(harmless)]
            elif kind < 0.5:
                arguments += ["--conf", f"spark.{chance.choice('abc')}={chance.choice(TEXTS)}"]
            else:
                option = chance.choice(options)
                arguments += [option, chance.choice(values[option][:8])] if option in values else [option]
        environment = {
            name: chance.choice(some) for name, some in VARIABLES.items() if chance.random() < 0.15
        }
        yield Case(f"client {number}", (*arguments, "app.py", "x"), environment)


def test_properties(submitter: Submitter, directory: Path, spark_under_test: SparkUnderTest) -> None:
    """Spark 4 is given the master by the name that the bridge makes of it (master-url)."""
    is_4 = spark_under_test.is_4
    made = list(
        cases((*OPTIONS, *2 * OPTIONS_OF_4), {**VALUES, **VALUES_OF_4}) if is_4 else cases(OPTIONS, VALUES)
    )
    if is_4:
        made = [case for case in made if REFUSED_BY_4 not in case.arguments]
    wrong = []
    compared = 0
    for case in made:
        arguments, extra = case.place(MASTER, directory)
        environment = {**ENVIRONMENT, "SPARK_HOME": str(spark_under_test.home.path), **extra}
        theirs = submitter.run(
            ["spark+" + one if one == MASTER and is_4 else one for one in arguments],
            environment,
            submit=False,
        )
        try:
            parsed = SubmitArguments.parse(arguments)
            client = read_client_configuration(parsed, spark_home=None, environment=environment)
            check_values(parsed, client.configuration)
            for key in JAVA_OPTIONS:  # the launcher splits them; with us that is a matter of their type
                client.configuration.typed(key)
        except UsageError as error:
            problem = "" if "refused" in theirs else f"we refuse: {error.message}"
        else:
            problem = theirs.get("refused", "")
            if not problem:
                properties = theirs["prepared"]["properties"]
                properties["spark.master"] = properties["spark.master"].removeprefix("spark+")
                problem = difference(client, properties)
            compared += 1
        if problem:
            wrong.append(f"{case.arguments} {case.environment}: {problem}")
    assert not wrong, "\n".join(wrong[:20])
    assert compared > 200


def difference(client: ClientConfiguration, properties: dict[str, str]) -> str:
    """Which properties differ from those that spark-submit makes, and from what it ignores."""
    expected = {**properties, **{setting.key: setting.value for setting in client.translated}}
    skipped = RESOLVED | MADE_UP | RENAMED | (CLUSTER_ONLY - expected.keys())
    ours = {key: value for key, value in client.configuration.items() if key.startswith("spark.")}
    return ", ".join(
        f"{key} is {ours.get(key)!r} instead of {expected.get(key)!r}"
        for key in sorted({*ours, *expected} - skipped)
        if ours.get(key) != expected.get(key)
    )
