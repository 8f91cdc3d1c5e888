from __future__ import annotations

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import ConfigurationError, UsageError
from sparkmesos_core.spark.argument_checks import check_values
from sparkmesos_core.spark.arguments import SubmitArguments


def check(*arguments: str, file: dict[str, str] | None = None) -> None:
    parsed = SubmitArguments.parse(arguments)
    origin = Origin(Source.FILE, "app.conf", line=3)
    settings = [Setting(key, value, origin) for key, value in (file or {}).items()]
    check_values(parsed, Configuration((*parsed.settings(), settings)))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--driver-memory", "512m"],
        ["--driver-memory", "1024"],
        ["--executor-memory", " 2G "],
        ["--driver-cores", "+2"],
        ["--total-executor-cores", "٣"],  # Java reads digits of any script
        ["--executor-cores", "2147483647"],
        ["--num-executors", "3"],
        ["--proxy-user", "a"],
        ["--principal", "a", "--keytab", "b"],
        ["--deploy-mode", "cluster", "--master", "m"],
        ["--driver-java-options", "-Xss1m"],
        ["--conf", "spark.remote=sc://h"],
        ["--conf", "spark.remote=sc://h", "--conf", "spark.local.connect=1", "--master", "m"],
        ["--conf", "spark.dynamicAllocation.enabled=TRUE", "--num-executors", "0"],
    ],
)
def test_what_spark_takes(arguments: list[str]) -> None:
    check(*arguments, "app.jar")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--driver-memory", "0"], "spark.driver.memory, set by --driver-memory: Driver memory '0' is not a positive size"),
        (["--driver-memory", "-1g"], "Driver memory '-1g'"),
        (["--executor-memory", "1.5g"], "Executor memory '1.5g'"),
        (["--executor-memory", ""], "Executor memory ''"),
        (["--driver-cores", "1.0"], "spark.driver.cores, set by --driver-cores: Driver cores '1.0'"),
        (["--driver-cores", "0"], "Driver cores '0'"),
        (["--driver-cores", " 1"], "Driver cores ' 1'"),
        (["--driver-cores", "2147483648"], "Driver cores"),
        (["--driver-cores", "9" * 1_000_000], "Driver cores"),
        (["--driver-cores", "1_0"], "Driver cores '1_0'"),
        (["--total-executor-cores", "x"], "spark.cores.max, set by --total-executor-cores"),
        (["--executor-cores", "two"], "--executor-cores 'two'"),
        (["--num-executors", "-3"], "--num-executors '-3'"),
        (["--conf", "spark.executor.instances=0"], "spark.executor.instances, set by --conf"),
        (["--conf", "spark.submit.deployMode=Cluster"], "'Cluster' is no deploy mode"),
        (["--driver-java-options", "-Xmx1g"], "spark.driver.extraJavaOptions, set by --driver-java-options"),
        (["--conf", "spark.driver.defaultJavaOptions=-Xmx1g"], "spark.driver.defaultJavaOptions, set by --conf"),
        (["--remote", "sc://h", "--master", "m"], "spark.remote, set by --remote"),
        (["--proxy-user", "a", "--principal", "b"], "spark.kerberos.principal, set by --principal"),
    ],
)  # fmt: skip
def test_what_spark_refuses(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(*arguments, "app.jar")
    assert message in caught.value.message
    assert caught.value.hint
    assert len(caught.value.message) < 300


def test_the_place_of_a_wrong_value_is_named() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^spark\.executor\.cores, set in app\.conf:3: Executor cores 'x'"
    ):
        check("app.jar", file={"spark.executor.cores": "x"})
    check("--executor-cores", "2", "app.jar", file={"spark.executor.cores": "x"})
    check("--num-executors", "2", "app.jar", file={"spark.executor.instances": "x"})


def test_an_application_is_needed_for_a_submission_only() -> None:
    with pytest.raises(UsageError, match="No application given"):
        check("--name", "x")
    check("--kill", "driver-1", "--driver-cores", "x")
    check("--version")
    with pytest.raises(UsageError, match="Driver cores"):
        check("--driver-cores", "x", "run-example")
