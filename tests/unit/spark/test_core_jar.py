"""What the name of Spark's core jar tells."""

from __future__ import annotations

import pytest

from sparkmesos_core.spark.core_jar import CoreJar, Release, find_core_jar, parse_core_jar, release_of


@pytest.mark.parametrize(
    ("name", "jar"),
    [
        ("spark-core_2.12-3.5.9.jar", CoreJar("3.5.9", "2.12")),
        ("spark-core_2.13-4.3.0-SNAPSHOT.jar", CoreJar("4.3.0-SNAPSHOT", "2.13")),
        ("spark-core_2.12-3.3.2-amzn-0.jar", CoreJar("3.3.2-amzn-0", "2.12")),
        ("spark-core_2.12.jar", None),
        ("spark-sql_2.12-3.5.9.jar", None),
        ("spark-core_2.12-3.5.9.jar.part", None),
    ],
)
def test_the_name_of_a_jar(name: str, jar: CoreJar | None) -> None:
    assert parse_core_jar(name) == jar


def test_the_first_of_several() -> None:
    names = ["spark-sql_2.12-3.5.9.jar", "spark-core_2.13-4.3.0.jar", "spark-core_2.12-3.5.9.jar"]
    assert find_core_jar(names) == CoreJar("3.5.9", "2.12")
    assert find_core_jar(names[:1]) is None


@pytest.mark.parametrize(
    ("version", "release"),
    [("3.5.9", (3, 5)), ("4.10.0-preview1", (4, 10)), ("3.4.0-SNAPSHOT", (3, 4)), ("3", None), ("", None)],
)
def test_the_release_of_a_version(version: str, release: Release | None) -> None:
    assert release_of(version) == release
