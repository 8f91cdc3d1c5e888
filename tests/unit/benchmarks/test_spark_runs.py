from __future__ import annotations

from typing import Any

import pytest

from benchmarks.spark_runs import PHASES, clean_environment, read_run
from sparkmesos_core.errors import SparkMesosError


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"Event": f"SparkListener{kind}", **fields}


def executor(number: str, seconds: int, cores: int) -> list[dict[str, Any]]:
    """It registers, and half a second later so does its memory."""
    return [
        event(
            "ExecutorAdded",
            **{
                "Executor ID": number,
                "Timestamp": seconds * 1000,
                "Executor Info": {"Host": "h", "Total Cores": cores},
            },
        ),
        event(
            "BlockManagerAdded",
            **{"Block Manager ID": {"Executor ID": number}, "Maximum Memory": 1000 + cores},
        ),
    ]


EVENTS = [
    event("LogStart"),
    event(
        "EnvironmentUpdate",
        **{
            "Spark Properties": {
                "spark.executor.extraJavaOptions": "-XX:+UseG1GC",
                "spark.app.id": "app-1",
                "spark.master": "spark://h:1",
                "spark.mesos.role": "r",
                "spark.driver.port": "7",
                "spark.driver.extraClassPath": "/cache/bridge.jar",
            }
        },
    ),
    event("BlockManagerAdded", **{"Block Manager ID": {"Executor ID": "driver"}, "Maximum Memory": 1}),
    event("ApplicationStart", Timestamp=102_000),
    event("JobStart", **{"Submission Time": 104_000}),
    *executor("1", 108, 2),
    *executor("0", 107, 1),
    event("TaskStart", **{"Task Info": {"Launch Time": 109_000}}),
    event("TaskStart", **{"Task Info": {"Launch Time": 108_500}}),
    event("JobEnd", **{"Completion Time": 112_000}),
    event("JobStart", **{"Submission Time": 113_000}),
    event("JobEnd", **{"Completion Time": 115_500}),
]


def test_phases_follow_each_other_from_the_command_to_its_end():
    run = read_run(EVENTS, 100.0, 103.0, 117.0, "out")
    assert dict(run.phases) == dict(zip(PHASES, (2.0, 1.0, 4.0, 1.5, 7.0, 1.5), strict=True))
    assert (run.start_up, run.total, run.jobs, run.out) == (8.5, 17.0, 11.5, "out")


def test_executors_are_told_by_their_size_and_the_driver_is_none():
    assert read_run(EVENTS, 100.0, 103.0, 117.0, "").executors == (("h", 1, 1001), ("h", 2, 1002))


def test_properties_are_those_that_two_runs_can_have_alike():
    properties = read_run(EVENTS, 100.0, 103.0, 117.0, "").properties
    assert properties == {"spark.executor.extraJavaOptions": "-XX:+UseG1GC"}


def test_an_application_without_a_job_is_not_measured():
    with pytest.raises(SparkMesosError, match="no JobEnd"):
        read_run(EVENTS[:6], 100.0, 103.0, 117.0, "")


def test_nothing_that_anybody_has_set_about_spark_counts(monkeypatch):
    for name in ("SPARK_CONF_DIR", "PYSPARK_DRIVER_PYTHON", "MESOS_NATIVE_JAVA_LIBRARY", "JAVA_TOOL_OPTIONS"):
        monkeypatch.setenv(name, "/else/where")
    monkeypatch.setenv("PATH", "/bin")
    environment = clean_environment(SPARK_HOME="/spark")
    assert "/else/where" not in environment.values()
    assert (environment["PATH"], environment["SPARK_HOME"]) == ("/bin", "/spark")
