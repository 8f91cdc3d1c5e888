"""What a dispatcher's own properties say about submissions."""

from __future__ import annotations

import pytest

from sparkmesos_core.dispatcher.rest.rules import Rules
from sparkmesos_core.errors import UsageError


def test_without_properties() -> None:
    assert Rules.from_properties({}) == Rules()


def test_all_of_them() -> None:
    properties = {
        "spark.mesos.dispatcher.queue.URGENT": "2",
        "spark.mesos.dispatcher.queue.LOWER": "-1.5",
        "spark.mesos.dispatcher.driverDefault.spark.driver.memory": "2g",
        "spark.mesos.driver.supervise.maxRetries": "5",
        "spark.mesos.role": "analytics",
        "spark.mesos.dispatcher.role.enforce": "true",
        "spark.driver.memory": "9g",
    }
    rules = Rules.from_properties(properties, spark_home="/opt/spark")
    assert rules == Rules(
        queues={"default": 0.0, "URGENT": 2.0, "LOWER": -1.5},
        defaults={"spark.driver.memory": "2g"},
        max_retries=5,
        role="analytics",
        enforce_role=True,
        spark_home="/opt/spark",
        properties=properties,
    )
    assert "2g" not in repr(rules), "a default may be a secret"


def test_spark_home_of_the_configuration_is_before_that_of_the_environment() -> None:
    assert Rules.from_properties({"spark.home": "/a"}, spark_home="/b").spark_home == "/a"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("spark.mesos.dispatcher.queue.URGENT", "abc", "'abc' is not a number"),
        ("spark.mesos.dispatcher.queue.URGENT", "NaN", "'NaN' is not a finite number"),
        ("spark.mesos.dispatcher.queue.default", "1", "redefines the queue default"),
        ("spark.mesos.dispatcher.queue.", "1", "names no queue"),
        ("spark.mesos.driver.supervise.maxRetries", "-1", "less than 0"),
        ("spark.mesos.dispatcher.role.enforce", "1", "neither true nor false"),
        ("spark.mesos.role", "a b", "is not a role"),
        ("spark.mesos.dispatcher.driverDefault.spark.mesos.driver.labels", "a", "is not a label"),
        ("spark.mesos.dispatcher.driverDefault.spark.mesos.uris", "a.zip", "nor an absolute path"),
        ("spark.mesos.dispatcher.driverDefault.", "x", "no property has this name"),
        ("spark.mesos.uris", "http://h/a.zip,http://h/", "names no file"),
        ("spark.mesos.fetcherCache.enable", "yes", "neither true nor false"),
        ("spark.mesos.dispatcher.bridge.uri", "bridge.jar", "nor an absolute path"),
    ],
)
def test_what_keeps_a_dispatcher_from_starting(key: str, value: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as error:
        Rules.from_properties({key: value})
    assert error.value.message.startswith(key)
    assert error.value.hint
