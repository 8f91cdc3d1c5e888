"""What agents fetch for a driver."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.dispatcher.launch.uris import container_path, driver_uris
from tests.driver_shell import submission


@pytest.mark.parametrize(
    ("uri", "mode", "path"),
    [
        ("local:///opt/a%20b.jar", "container", "/opt/a b.jar"),
        ("local:/opt/a.jar", "container", "/opt/a.jar"),
        ("local:///opt/a.jar", "host", None),
        ("file:///opt/a.jar", "container", None),
    ],
)
def test_what_is_in_the_container(uri: str, mode: str, path: str | None) -> None:
    assert container_path(uri, {"spark.mesos.appJar.local.resolution.mode": mode}) == path


def test_order_and_what_is_unpacked() -> None:
    wanted = submission(
        app_resource="http://h/app.zip",
        properties={
            "spark.mesos.uris": "http://h/own.tgz, http://h/both.tgz,,",
            "spark.submit.pyFiles": "http://h/p.zip",
            "spark.executor.uri": "http://h/spark.tgz",
        },
    )
    uris = driver_uris(wanted, {"spark.mesos.uris": "http://h/both.tgz"}, "http://h/bridge.jar")
    assert [(uri["value"][9:], uri.get("extract", True)) for uri in uris] == [
        ("app.zip", False),
        ("both.tgz", True),
        ("own.tgz", True),
        ("p.zip", False),
        ("spark.tgz", True),
        ("bridge.jar", True),
    ]


@pytest.mark.parametrize(
    ("own", "dispatcher", "cache"), [("true", "false", True), ("", "TRUE", True), ("", "", False)]
)
def test_the_cache(own: str, dispatcher: str, cache: bool) -> None:
    key = "spark.mesos.fetcherCache.enable"
    uris = driver_uris(submission(properties={key: own}), {key: dispatcher} if dispatcher else {}, None)
    assert [uri["cache"] for uri in uris] == [cache]


def test_nothing_is_fetched_for_what_is_in_the_container() -> None:
    changed: dict[str, Any] = {
        "app_resource": "local:///opt/app.py",
        "properties": {
            "spark.mesos.appJar.local.resolution.mode": "container",
            "spark.submit.pyFiles": "local:///opt/p.py,http://h/q.py",
        },
    }
    assert [uri["value"] for uri in driver_uris(submission(**changed), {}, None)] == ["http://h/q.py"]
