"""What dispatchers say of themselves, ours and Spark's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sparkmesos_core.dispatcher.client import DispatcherClient, RefusedError
from sparkmesos_core.dispatcher.readiness import Readiness
from sparkmesos_core.errors import DispatcherError
from sparkmesos_core.master import Dispatcher
from tests.http_stub import Answer, http_stub

PATH = "/v1/submissions/readyz"


def readiness(status: int, message: dict[str, Any] | bytes) -> Readiness:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    with http_stub({PATH: Answer(status, body, {"Content-Type": "application/json"})}) as stub:
        return DispatcherClient(Dispatcher(stub.address)).readiness()


def test_ready() -> None:
    told = {
        "action": "ReadyzResponse", "frameworkId": "f-1", "master": "http://10.0.0.1:5050",
        "serverSparkVersion": "3.5.9", "subscribed": True, "success": True,
    }  # fmt: skip
    expected = Readiness(True, "3.5.9", master="http://10.0.0.1:5050", framework_id="f-1")
    assert readiness(200, told) == expected


def test_without_mesos() -> None:
    told = {"action": "ReadyzResponse", "message": "nobody leads", "subscribed": False, "success": True}
    assert readiness(200, told) == Readiness(True, "", subscribed=False, reason="nobody leads")


def test_not_ready() -> None:
    told = {"action": "ErrorResponse", "message": "ZooKeeper is silent.", "serverSparkVersion": "3.5.9"}
    expected = Readiness(True, "3.5.9", ready=False, subscribed=False, reason="ZooKeeper is silent.")
    assert readiness(503, told) == expected


def test_sparks_own_does_not_know_the_question() -> None:
    # As recorded: spark-3.5.9-rest/server-paths.json
    told = {
        "action": "ErrorResponse",
        "message": "Missing an action: please specify one of /create, /kill, or /status. Please submit requests "
        "through http://[host]:[port]/v1/submissions/...",
        "serverSparkVersion": "3.5.9",
    }
    assert readiness(400, told) == Readiness(False, "3.5.9")


def test_others_refuse() -> None:
    with pytest.raises(RefusedError):
        readiness(401, {"action": "ErrorResponse", "message": "a token"})
    with pytest.raises(RefusedError):
        readiness(400, {"action": "ErrorResponse", "message": "no"})
    with pytest.raises(DispatcherError):
        readiness(503, b"<html>Service Unavailable</html>")
    with pytest.raises(DispatcherError):
        readiness(200, b"<html>Mesos</html>")
