from __future__ import annotations

import json

import pytest

from sparkmesos_core.bridge.kinds import BridgeKind
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.facts import core_jars, facts_of, segments_of, spark_folder
from tests.small_spark import small_spark


def files(*names: str, size: int = 1) -> list[Entry]:
    return [Entry(name, EntryKind.FILE, 0o644, size) for name in names]


def spark(top: str = "spark", **versions: str | None) -> list[Entry]:
    return files(*(f"{top}/{name}" for name in small_spark(**versions)))  # type: ignore[arg-type]


def test_the_names_tell_all() -> None:
    facts = facts_of(spark(), 1234)
    assert facts.spark_version == "3.5.9"
    assert facts.scala_version == "2.12.18"
    assert facts.hadoop_version == "3.3.4"
    assert facts.mesos_version == "1.4.3"
    assert (facts.has_spark_mesos, facts.has_bridge, facts.has_python, facts.has_r) == (
        True,
        False,
        True,
        False,
    )
    assert facts.top_folders == ("spark",)
    assert (facts.entries, facts.unpacked_size, facts.packed_size) == (len(spark()), len(spark()), 1234)
    assert facts.release == (3, 5)
    record = json.loads(json.dumps(facts.as_json()))
    assert (record["top_folders"], record["bridge_kind"]) == (["spark"], "driver")


def test_what_else_there_may_be() -> None:
    facts = facts_of([*spark(), *files("spark/sparkmesos/bridge.jar", "spark/R/lib/sparkr.zip")])
    assert facts.has_bridge
    assert facts.has_r


@pytest.mark.parametrize(
    ("jars", "hadoop"),
    [
        (["hadoop-client-api-3.3.4.jar", "hadoop-client-runtime-3.3.4.jar"], "3.3.4"),
        (["hadoop-common-2.7.3.jar", "hadoop-client-2.7.3.jar", "hadoop-yarn-api-2.7.3.jar"], "2.7.3"),
        (["hadoop-shaded-guava-1.1.1.jar", "parquet-hadoop-1.13.1.jar"], None),
    ],
)
def test_hadoop_by_the_jars_of_all_times(jars: list[str], hadoop: str | None) -> None:
    assert facts_of(files(*(f"spark/jars/{jar}" for jar in jars))).hadoop_version == hadoop


@pytest.mark.parametrize(
    ("jar", "version"),
    [
        ("mesos-1.4.3-shaded-protobuf.jar", "1.4.3"),
        ("mesos-1.11.0.jar", "1.11.0"),
        ("mesosphere-1.jar", None),
    ],
)
def test_the_jar_of_mesos(jar: str, version: str | None) -> None:
    assert facts_of(files(f"spark/jars/{jar}")).mesos_version == version


def test_versions_of_any_kind() -> None:
    facts = facts_of(spark(version="4.0.0-SNAPSHOT", scala="2.13", hadoop=None))
    assert (facts.spark_version, facts.scala_version, facts.release) == ("4.0.0-SNAPSHOT", "2.13.18", (4, 0))
    assert facts.hadoop_version is None


def test_spark_4_takes_the_backend() -> None:
    facts = facts_of(spark(version="4.3.0", scala="2.13"))
    assert (facts.has_spark_mesos, facts.mesos_version) == (False, None)
    assert facts.bridge_kind is BridgeKind.BACKEND
    assert facts.as_json()["bridge_kind"] == "backend"


def test_nothing_is_known_of_nothing() -> None:
    facts = facts_of([])
    assert facts.bridge_kind is None
    assert facts.as_json()["bridge_kind"] is None
    assert (facts.spark_version, facts.release, facts.top_folders) == (None, None, ())


def test_only_spark_s_own_folder_counts() -> None:
    facts = facts_of([*files("other/jars/mesos-9.9.9.jar", "other/R/lib/a"), *spark()])
    assert (facts.mesos_version, facts.has_r) == ("1.4.3", False)
    assert facts.top_folders == ("other", "spark")


def test_where_spark_is() -> None:
    assert spark_folder(spark("spark-3.5.9")) == "spark-3.5.9"
    assert spark_folder(files("./a/./jars/spark-core_2.12-3.5.9.jar")) == "a"
    assert spark_folder(files("jars/spark-core_2.12-3.5.9.jar")) == ""
    assert spark_folder(files("a/b/jars/spark-core_2.12-3.5.9.jar")) is None
    assert spark_folder(files("spark-core_2.12-3.5.9.jar")) is None


def test_paths_as_tar_takes_them() -> None:
    assert segments_of("./a//b/.") == ("a", "b")
    assert segments_of("/a/../b") == ("a", "..", "b")
    assert segments_of("./") == ()


def test_several_sparks() -> None:
    found = files("s/jars/spark-core_2.13-3.5.9.jar", "s/jars/spark-core_2.12-3.5.8.jar")
    assert core_jars([*found, found[0]]) == [("2.12", "3.5.8"), ("2.13", "3.5.9")]
