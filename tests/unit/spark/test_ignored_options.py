from __future__ import annotations

from collections.abc import Mapping

import pytest

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.spark.ignored_options import Translation, translate

FILE = Origin(Source.FILE, "spark-defaults.conf", 3)
VARIABLE = Origin(Source.VARIABLE, "SPARK_EXECUTOR_CORES")


def translation(
    *arguments: str,
    file: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    version: str | None = "3.5.9",
) -> Translation:
    parsed = SubmitArguments.parse([*arguments, "app.py"])
    options, conf = parsed.settings()
    layers = [options, conf]
    for origin, properties in ((FILE, file), (VARIABLE, variables)):
        layers.append([Setting(key, value, origin) for key, value in (properties or {}).items()])
    return translate(parsed, Configuration(layers), version)


def meant(found: Translation) -> dict[str, str]:
    return {setting.key: setting.value for setting in found.settings}


def only(found: Translation) -> Finding:
    (finding,) = found.findings
    return finding


CLUSTER = ("--deploy-mode", "cluster")
DYNAMIC = ("--conf", "spark.dynamicAllocation.enabled=true")
FINE_GRAINED = ("--conf", "spark.mesos.coarse=false")


def test_nothing_comes_of_nothing() -> None:
    assert translation("--name", "x", "--total-executor-cores", "4") == Translation((), ())


def test_other_actions_are_left_alone() -> None:
    parsed = SubmitArguments.parse(["--num-executors", "2", "--queue", "q", "--kill", "driver-1"])
    assert translate(parsed, Configuration([]), "3.5.9") == Translation((), ())


def test_executor_cores() -> None:
    found = translation("--executor-cores", "2")
    (setting,) = found.settings
    assert (setting.key, setting.value) == ("spark.executor.cores", "2")
    assert str(setting.origin) == "--executor-cores"
    assert found.findings == ()


def test_zeros_in_front_are_as_good_to_us_as_to_spark() -> None:
    cores = "0" * 20 + "2"
    properties = meant(translation("--executor-cores", cores, "--num-executors", "+3"))
    assert properties == {"spark.executor.cores": cores, "spark.cores.max": "6"}


def test_the_last_of_several_counts() -> None:
    assert meant(translation("--executor-cores", "2", "--executor-cores=3")) == {"spark.executor.cores": "3"}


def test_executor_cores_of_the_variable_which_spark_reads_and_drops() -> None:
    found = translation(variables={"spark.executor.cores": "5"})
    assert found.settings == (Setting("spark.executor.cores", "5", VARIABLE),)


def test_executor_cores_of_a_file_need_no_translation() -> None:
    assert translation(file={"spark.executor.cores": "5"}) == Translation((), ())


def test_executor_cores_win_over_a_file_silently() -> None:
    found = translation("--executor-cores", "2", file={"spark.executor.cores": "5"})
    assert (meant(found), found.findings) == ({"spark.executor.cores": "2"}, ())


def test_executor_cores_against_conf() -> None:
    found = translation("--executor-cores", "2", "--conf", "spark.executor.cores=5")
    assert meant(found) == {"spark.executor.cores": "2"}
    assert only(found).severity is Severity.WARNING
    assert "spark.executor.cores=5" in only(found).message
    assert translation("--executor-cores", "2", "--conf", "spark.executor.cores=2").findings == ()


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "", "2147483648", "99999999999999"])
def test_what_spark_refuses_is_left_to_it(text: str) -> None:
    assert translation("--executor-cores", text) == Translation((), ())
    assert translation("--num-executors", text, "--executor-cores", "1").settings[1:] == ()


@pytest.mark.parametrize(
    ("arguments", "file", "total"),
    [
        (("--num-executors", "3", "--executor-cores", "2"), {}, "6"),
        (("--num-executors", "3"), {"spark.executor.cores": "4"}, "12"),
        (("--num-executors=3", "--conf", "spark.executor.cores=1"), {}, "3"),
        (("--num-executors", "+3", "--executor-cores", "02"), {}, "6"),
        (("--num-executors", "3", "--executor-cores", "2"), {"spark.cores.max": " 6 "}, "6"),
        (("--num-executors", "1", "--executor-cores", "2147483647"), {}, "2147483647"),
    ],
)
def test_num_executors(arguments: tuple[str, ...], file: dict[str, str], total: str) -> None:
    found = translation(*arguments, file=file)
    setting = next(setting for setting in found.settings if setting.key == "spark.cores.max")
    assert setting.value == total
    assert setting.origin == Origin(Source.OPTION, "--num-executors")
    assert found.findings == ()


def test_num_executors_win_over_a_file_and_say_so() -> None:
    found = translation("--num-executors", "20", file={"spark.cores.max": "48", "spark.executor.cores": "4"})
    assert meant(found) == {"spark.cores.max": "80"}
    assert only(found).severity is Severity.WARNING
    assert "spark.cores.max=80, which is used, and not 48 of spark-defaults.conf:3" in only(found).message
    assert str(only(found).origin) == "--num-executors"


@pytest.mark.parametrize(
    "given", [("--total-executor-cores", "8"), ("--conf", "spark.cores.max=8"), ("-c", "spark.cores.max=8")]
)
def test_num_executors_against_a_total(given: tuple[str, str]) -> None:
    found = translation("--num-executors", "3", "--executor-cores", "2", *given)
    assert "spark.cores.max" not in meant(found)
    assert only(found).severity is Severity.WARNING
    assert "6" in only(found).message
    assert "8" in only(found).message
    agreed = translation("--num-executors", "4", "--executor-cores", "2", *given)
    assert "spark.cores.max" not in meant(agreed)
    assert agreed.findings == ()


def test_num_executors_without_cores() -> None:
    found = translation("--num-executors", "3")
    assert found.settings == ()
    assert "--executor-cores" in only(found).hint
    assert only(found).origin == Origin(Source.OPTION, "--num-executors")
    with_total = translation("--num-executors", "3", "--total-executor-cores", "12")
    assert with_total.settings == ()
    assert "--executor-cores 4" in only(with_total).hint


def test_more_cores_than_spark_can_count() -> None:
    found = translation("--num-executors", "65536", "--executor-cores", "65536")
    assert meant(found) == {"spark.executor.cores": "65536"}
    assert only(found).severity is Severity.ERROR


def test_num_executors_with_dynamic_allocation_is_where_it_begins() -> None:
    found = translation("--num-executors", "3", *DYNAMIC)
    assert (meant(found), found.findings) == ({"spark.executor.instances": "3"}, ())
    assert meant(translation("--num-executors", "0", *DYNAMIC)) == {"spark.executor.instances": "0"}
    for text in ("-1", "x", ""):
        wrong = translation("--num-executors", text, *DYNAMIC)
        assert wrong.settings == ()
        assert only(wrong).severity is Severity.ERROR


def test_fine_grained_mode_has_neither() -> None:
    found = translation("--num-executors", "3", "--executor-cores", "2", *FINE_GRAINED)
    assert found.settings == ()
    assert [str(finding.origin) for finding in found.findings] == ["--executor-cores", "--num-executors"]
    assert translation(*FINE_GRAINED, variables={"spark.executor.cores": "5"}) == Translation((), ())


def test_queue() -> None:
    found = translation("--queue", "URGENT", *CLUSTER)
    assert (meant(found), found.findings) == ({"spark.mesos.dispatcher.queue": "URGENT"}, ())
    both = translation("--queue", "URGENT", *CLUSTER, "--conf", "spark.mesos.dispatcher.queue=ROUTINE")
    assert meant(both) == {"spark.mesos.dispatcher.queue": "URGENT"}
    assert "ROUTINE" in only(both).message


def test_the_deploy_mode_is_the_effective_one() -> None:
    by_conf = ("--conf", "spark.submit.deployMode=cluster")
    assert meant(translation(*by_conf, "--queue", "q"))
    assert not meant(translation(*by_conf, "--deploy-mode", "client", "--queue", "q"))
    assert meant(translation("--queue", "q", file={"spark.submit.deployMode": "cluster"}))


@pytest.mark.parametrize(
    ("arguments", "version", "option"),
    [
        (("--queue", "q"), "3.5.9", "--queue"),
        (("--queue", "q", *CLUSTER), "3.0.3", "--queue"),
        (("--archives", "a.tgz"), "3.0.3", "--archives"),
        (("--archives", "a.tgz"), "2.4.8-cdh6", "--archives"),
        (("--supervise",), "3.5.9", "--supervise"),
        (("--supervise", "--deploy-mode", "client"), None, "--supervise"),
        (("--driver-cores", "2"), "3.5.9", "--driver-cores"),
        (("--proxy-user", "alice", *CLUSTER), "3.5.9", "--proxy-user"),
        (("--principal", "p", "--keytab", "k", *CLUSTER), "3.5.9", "--principal"),
        (("--keytab", "k", *CLUSTER), "3.5.9", "--keytab"),
        (("--principal", "p", "--keytab", "k"), "2.2.3", "--principal"),
        (("--principal", "p"), "3.5.9", "--principal"),
        (("--keytab", "k"), "3.5.9", "--keytab"),
    ],
)
def test_what_has_no_effect(arguments: tuple[str, ...], version: str | None, option: str) -> None:
    found = translation(*arguments, version=version)
    assert found.settings == ()
    assert only(found).severity is Severity.WARNING
    assert only(found).origin == Origin(Source.OPTION, option)
    assert only(found).hint


@pytest.mark.parametrize(
    ("arguments", "version"),
    [
        (("--archives", "a.tgz"), "3.1.0"),
        (("--archives", "a.tgz"), None),
        (("--archives", "a.tgz", *CLUSTER), "3.10.0"),
        (("--supervise", *CLUSTER), "3.5.9"),
        (("--driver-cores", "2", *CLUSTER), "3.5.9"),
        (("--proxy-user", "alice"), "3.5.9"),
        (("--principal", "p", "--keytab", "k"), "3.5.9"),
        (("--principal", "p", "--conf", "spark.kerberos.keytab=k"), "3.5.9"),
        (("--keytab", "k", "--conf", "spark.yarn.principal=p"), "2.4.8"),
    ],
)
def test_what_has_an_effect(arguments: tuple[str, ...], version: str | None) -> None:
    assert translation(*arguments, version=version) == Translation((), ())
