"""What --dynamic-allocation says, and what that comes to beside everything else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.client_configuration import ClientConfiguration, read_client_configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Source
from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.submit.dynamic_allocation import (
    DynamicAllocation,
    Limits,
    looks_like_limits,
    parse_limits,
)

TYPED = Origin(Source.OPTION, "--dynamic-allocation")
FOR_GOOD = Origin(Source.SPARKMESOS, "SPARKMESOS_DYNAMIC_ALLOCATION")
ENABLED = "spark.dynamicAllocation.enabled"
SERVICE = "spark.shuffle.service.enabled"
LEAST = "spark.dynamicAllocation.minExecutors"
MOST = "spark.dynamicAllocation.maxExecutors"
CORES = "spark.executor.cores"
INSTANCES = "spark.executor.instances"


def read(
    line: Sequence[str] = (),
    limits: str = ":",
    *,
    origin: Origin = TYPED,
    file: str = "",
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
) -> ClientConfiguration:
    words = [*line]
    if file:
        assert folder is not None
        path = folder / "spark.conf"
        path.write_text(file)
        words = ["--properties-file", str(path), *words]
    return read_client_configuration(
        SubmitArguments.parse([*words, "app.py"]),
        spark_home=None,
        environment=environment or {},
        dynamic_allocation=DynamicAllocation(parse_limits(limits), origin),
    )


def translated(client: ClientConfiguration) -> dict[str, str]:
    """What Spark's own spark-submit is given as --conf."""
    return {one.key: one.value for one in client.translated}


def told(client: ClientConfiguration) -> list[tuple[Severity, str]]:
    return [(one.severity, one.message) for one in client.findings]


def only(client: ClientConfiguration) -> Finding:
    (finding,) = client.findings
    return finding


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("2:10", Limits(2, 10)),
        ("3:3", Limits(3, 3)),
        ("0:1", Limits(0, 1)),
        ("2:", Limits(2, None)),
        (":10", Limits(None, 10)),
        ("10", Limits(None, 10)),
        (":", Limits()),
        (" 007:8 ", Limits(7, 8)),
        ("2147483647", Limits(None, 2**31 - 1)),
    ],
)
def test_limits(text: str, limits: Limits) -> None:
    assert parse_limits(text) == limits


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("5:2", "'5:2' has a minimum of 5 above its maximum of 2"),
        ("a:b", "'a:b' is no range of whole numbers"),
        ("0", "'0' allows no executor at all"),
        ("0:0", "'0:0' allows no executor at all"),
        ("-1", "'-1' is no range of whole numbers"),
        ("1:-4", "'1:-4' is no range of whole numbers"),
        ("1:2:3", "'1:2:3' is no range of whole numbers"),
        ("1.5", "'1.5' is no range of whole numbers"),
        ("²", "'²' is no range of whole numbers"),
        ("", "'' names no number of executors"),
        ("2147483648", "'2147483648' has more executors than Spark can count"),
        ("9" * 5000, "has more executors than Spark can count"),
    ],
)
def test_what_is_no_limit(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_limits(text)
    assert problem in raised.value.message
    assert raised.value.hint


@given(st.one_of(st.none(), st.integers(0, 9)), st.one_of(st.none(), st.integers(1, 9)))
def test_limits_as_text(least: int | None, most: int | None) -> None:
    if least is None or most is None or least <= most:
        assert parse_limits(str(Limits(least, most))) == Limits(least, most)


@pytest.mark.parametrize(
    "word", ["2:10", "5:2", "a:b", "0", "-1", "-1:4", "1:-4", ":", "2:", "1.5", "2-10", "1,2", "", " "]
)
def test_what_is_meant_as_limits(word: str) -> None:
    assert looks_like_limits(word)


@pytest.mark.parametrize(
    "word",
    [
        "app.py",
        "10.jar",
        "local:/opt/app.py",
        "hdfs://nn:8020/a.jar",
        "file:a.py",
        "--conf",
        "-e",
        "app",
        "./1",
    ],
)
def test_what_is_an_application_or_an_option(word: str) -> None:
    assert not looks_like_limits(word)


def test_what_it_comes_to() -> None:
    client = read(limits="2:10")
    expected = {ENABLED: "true", SERVICE: "true", LEAST: "2", MOST: "10", INSTANCES: "2", CORES: "1"}
    assert translated(client) == expected
    assert {key: client.configuration[key] for key in expected} == expected
    assert {client.configuration.setting(key).origin for key in expected} == {TYPED}  # type: ignore[union-attr]
    assert client.findings == ()
    assert translated(read()) == {ENABLED: "true", SERVICE: "true", CORES: "1"}


@pytest.mark.parametrize(
    ("line", "environment", "cores"),
    [
        (["--executor-cores", "3"], {}, "3"),
        (["--conf", "spark.executor.cores=3"], {}, "3"),
        ([], {"SPARK_EXECUTOR_CORES": "3"}, "3"),
        (["--conf", "spark.task.cpus=2"], {}, "2"),
        (["--conf", "spark.task.cpus=many"], {}, "1"),  # which Spark refuses
    ],
)
def test_the_cores_of_an_executor(line: list[str], environment: dict[str, str], cores: str) -> None:
    """Else it would take all of an offer, for what Spark counts as one task."""
    client = read(line, environment=environment)
    assert client.configuration[CORES] == cores
    assert client.findings == ()


def test_the_number_of_executors_is_what_it_begins_with() -> None:
    client = read(["--num-executors", "3"], "1:4")
    assert client.configuration["spark.executor.instances"] == "3"
    assert "spark.cores.max" not in client.configuration
    assert client.findings == ()
    finding = only(read(["--num-executors", "5"], "1:4"))
    assert finding.severity is Severity.ERROR
    assert finding.message == "allows 4 executors, but --num-executors begins with 5"


def test_it_begins_with_the_minimum() -> None:
    """As Spark does anyway, with a warning in its log where the property is less, or not set."""
    assert translated(read(limits="0:4")) == {
        ENABLED: "true",
        SERVICE: "true",
        LEAST: "0",
        MOST: "4",
        CORES: "1",
    }
    assert translated(read(["--conf", f"{LEAST}=3"], ":4"))[INSTANCES] == "3"
    assert INSTANCES not in translated(read(["--conf", f"{INSTANCES}=3"], "2:4"))
    assert translated(read(["--num-executors", "3"], "2:4"))[INSTANCES] == "3"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"{ENABLED}=false", f"means {ENABLED}=true, but --conf says {ENABLED}=false"),
        (f"{SERVICE}=false", f"means {SERVICE}=true, but --conf says {SERVICE}=false"),
        (f"{MOST}=9", f"means {MOST}=4, but --conf says {MOST}=9"),
        (f"{LEAST}=9", f"means {LEAST}=1, but --conf says {LEAST}=9"),
        ("spark.dynamicAllocation.initialExecutors=9", "allows 4 executors, but --conf begins with 9"),
        ("spark.dynamicAllocation.shuffleTracking.enabled=true", "is with the external shuffle service"),
        ("spark.mesos.coarse=false", "dynamic allocation is for coarse-grained mode"),
    ],
)
def test_a_contradiction_on_the_command_line(line: str, says: str) -> None:
    client = read(["--conf", line], "1:4")
    finding = only(client)
    assert (finding.id, finding.severity, finding.origin) == ("contradicting-options", Severity.ERROR, TYPED)
    assert says in finding.message
    assert finding.hint
    key, _, value = line.partition("=")
    assert client.configuration[key] == value  # nothing typed is changed


def test_the_same_twice_is_no_contradiction() -> None:
    line = ["--conf", f"{ENABLED}=TRUE", "--conf", f"{LEAST}=01", "--conf", f"{SERVICE}=true"]
    client = read([*line, "--conf", "spark.dynamicAllocation.shuffleTracking.enabled=false"], "1:4")
    assert client.findings == ()
    assert translated(client) == {MOST: "4", INSTANCES: "1", CORES: "1"}


def test_the_command_line_wins_over_a_file_and_says_so(tmp_path: Path) -> None:
    file = (
        f"{ENABLED} false\n{MOST} 9\n{LEAST} 1\nspark.executor.instances 7\n"
        "spark.dynamicAllocation.shuffleTracking.enabled true\n"  # of no effect beside the service
    )
    client = read(limits="1:4", file=file, folder=tmp_path)
    assert translated(client) == {
        ENABLED: "true", SERVICE: "true", MOST: "4", "spark.executor.instances": "4", CORES: "1",
    }  # fmt: skip
    place = f"{tmp_path}/spark.conf"
    assert told(client) == [
        (Severity.WARNING, f"comes to {ENABLED}=true, which is used, and not false of {place}:1"),
        (Severity.WARNING, f"comes to {MOST}=4, which is used, and not 9 of {place}:2"),
        (Severity.WARNING, f"comes to spark.executor.instances=4, which is used, and not 7 of {place}:4"),
    ]


def test_fine_grained_mode_in_a_file_is_an_error_as_well(tmp_path: Path) -> None:
    client = read(file="spark.mesos.coarse false\n", folder=tmp_path)
    assert only(client).severity is Severity.ERROR
    assert client.translated == ()


@pytest.mark.parametrize("key", [ENABLED, SERVICE])
def test_set_for_good_it_gives_way(key: str) -> None:
    client = read(["--conf", f"{key}=false"], "1:4", origin=FOR_GOOD)
    assert (client.translated, client.findings) == ((), ())
    assert client.configuration[key] == "false"


def test_set_for_good_it_wins_over_files_in_silence(tmp_path: Path) -> None:
    client = read(["--conf", f"{LEAST}=3"], "1:4", origin=FOR_GOOD, file=f"{MOST} 9\n", folder=tmp_path)
    assert translated(client) == {ENABLED: "true", SERVICE: "true", MOST: "4", INSTANCES: "3", CORES: "1"}
    assert client.configuration[LEAST] == "3"
    assert client.findings == ()


def test_set_for_good_beside_fine_grained_mode() -> None:
    client = read(["--conf", "spark.mesos.coarse=false"], origin=FOR_GOOD)
    assert (only(client).id, only(client).severity) == ("ignored-option", Severity.WARNING)
    assert client.translated == ()


def test_limits_beyond_the_cores() -> None:
    line = ["--total-executor-cores", "5", "--executor-cores", "2"]
    assert read(line, "1:2").findings == ()
    assert only(read(line, "1:3")).message == (
        "never reaches its maximum of 3 executors: spark.cores.max=5 (--total-executor-cores) has room for 2, "
        "of 2 cores each"
    )
    assert "its minimum of 3 executors" in only(read(line, "3:9")).message
    assert only(read(line, "3:9")).severity is Severity.WARNING


def test_cluster_mode_and_an_older_spark(tmp_path: Path) -> None:
    """What it sets is in all releases that have dynamic allocation on Mesos."""
    home = tmp_path / "spark"
    (home / "bin").mkdir(parents=True)
    (home / "jars").mkdir()
    (home / "bin" / "spark-submit").touch(mode=0o755)
    for name in ("spark-core_2.11-2.4.8.jar", "spark-mesos_2.11-2.4.8.jar"):
        (home / "jars" / name).touch()
    client = read_client_configuration(
        SubmitArguments.parse(["--deploy-mode", "cluster", "http://host/app.py"]),
        spark_home=home,
        environment={},
        dynamic_allocation=DynamicAllocation(Limits(1, 4), TYPED),
    )
    assert client.spark is not None
    assert client.spark.version == "2.4.8"
    assert translated(client) == {
        ENABLED: "true", SERVICE: "true", LEAST: "1", MOST: "4", INSTANCES: "1", CORES: "1",
    }  # fmt: skip


def test_what_asks_a_dispatcher_has_none() -> None:
    client = read_client_configuration(
        SubmitArguments.parse(["--status", "driver-1"]),
        spark_home=None,
        environment={},
        dynamic_allocation=DynamicAllocation(Limits(), FOR_GOOD),
    )
    assert client.translated == ()
