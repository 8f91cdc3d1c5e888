"""Who may take an archive of classes, and who does without."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.bridge.class_archive import ClassArchive
from sparkmesos_core.submit.class_archive_use import (
    PROPERTY,
    driver_can,
    driver_options,
    executors_can,
    hides_conf,
)


class TestDriver:
    @pytest.mark.parametrize(
        "configuration",
        [
            {},
            {"spark.driver.extraJavaOptions": "-XX:+UseSerialGC -Xlog:gc -Dname=value"},
            {"spark.executor.extraClassPath": "/a.jar", "spark.driver.memory": "40g"},
        ],
    )
    def test_takes_it(self, configuration: dict[str, str]) -> None:
        assert driver_can(configuration, {"SPARK_SUBMIT_OPTS": "-Da=b"})

    @pytest.mark.parametrize(
        ("configuration", "environment"),
        [
            ({"spark.driver.extraClassPath": "/mine.jar"}, {}),
            ({"spark.driver.extraJavaOptions": "-javaagent:/a.jar"}, {}),
            ({"spark.driver.extraJavaOptions": "-XX:SharedArchiveFile=/mine.jsa"}, {}),
            ({"spark.driver.defaultJavaOptions": "-Xshare:off"}, {}),
            ({}, {"SPARK_SUBMIT_OPTS": "-XX:ArchiveClassesAtExit=/mine.jsa"}),
            ({}, {"JAVA_TOOL_OPTIONS": "-agentpath:/profiler.so"}),
            ({}, {"JDK_JAVA_OPTIONS": "-XX:+AutoCreateSharedArchive"}),
            ({}, {"JDK_JAVA_OPTIONS": "-Djava.system.class.loader=Mine"}),
        ],
    )
    def test_does_without(self, configuration: dict[str, str], environment: dict[str, str]) -> None:
        assert not driver_can(configuration, environment)

    def test_its_options_are_in_front_of_the_users(self) -> None:
        archive = ClassArchive(Path("/c/classes-1"))
        first, *_, last = driver_options(archive, "-Xlog:gc").split()
        assert (first, last) == ("-XX:SharedArchiveFile=/c/classes-1.jsa", "-Xlog:gc")
        assert driver_options(archive, "") == " ".join(archive.java_options)


class TestExecutors:
    def test_of_this_machine_take_the_drivers(self) -> None:
        assert executors_can({"spark.driver.extraClassPath": ""}, {}, is_local=True)

    def test_elsewhere_do_without(self) -> None:
        assert not executors_can({}, {}, is_local=False)

    @pytest.mark.parametrize(
        ("configuration", "environment"),
        [
            ({"spark.executor.uri": "http://h/spark.tgz"}, {}),
            ({}, {"SPARK_EXECUTOR_URI": "http://h/spark.tgz"}),
            ({"spark.mesos.executor.home": "/opt/spark"}, {}),
            ({"spark.home": "/opt/spark"}, {}),
            ({"spark.mesos.executor.docker.image": "spark:4.3"}, {}),
            ({PROPERTY: "/theirs.jsa"}, {}),
            ({"spark.executor.extraClassPath": "/mine.jar"}, {}),
            ({"spark.executor.extraJavaOptions": "-javaagent:/a.jar"}, {}),
            ({"spark.executorEnv.JAVA_TOOL_OPTIONS": "-javaagent:/a.jar"}, {}),
            ({"spark.executorEnv.JAVA_HOME": "/opt/java"}, {}),
        ],
    )
    def test_with_something_of_their_own_do_without(
        self, configuration: dict[str, str], environment: dict[str, str]
    ) -> None:
        assert not executors_can(configuration, environment, is_local=True)


def test_a_conf_that_jars_would_hide(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    names = {"org", "META-INF", "core-default.xml"}
    assert not hides_conf(names, [conf])
    conf.mkdir()
    (conf / "spark-defaults.conf").touch()
    (conf / "log4j2.properties").touch()
    assert not hides_conf(names, [tmp_path / "missing", conf])
    (conf / "core-default.xml").touch()
    assert hides_conf(names, [tmp_path / "missing", conf])
