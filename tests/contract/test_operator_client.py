"""`MesosHttp`, and what reads its answers, with all that a real Mesos 1.12.0 answered to GETs."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sparkmesos_core.errors import MesosError
from sparkmesos_core.mesos.http import MesosHttp
from sparkmesos_core.mesos.resources import Resources
from tests.contract.recorded import RECORDINGS, load
from tests.contract.recorded_master import RecordedMaster, body_of

Json = dict[str, Any]

OPERATOR_RECORDINGS = [
    path.stem
    for pattern in ("master-*.json", "agent*.json", "authentication.json", "*lead*-master*.json")
    for path in sorted(RECORDINGS.glob(pattern))
    if "-api-" not in path.stem  # calls of the operator API, which the core does not make
]


def credentials(request: Json) -> tuple[str | None, str | None]:
    """What the recorder gave, as MesosHttp takes it."""
    given = request.get("headers", {}).get("Authorization")
    if given is None:
        return None, None
    principal, _, secret = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
    return principal, secret


@pytest.mark.parametrize("name", OPERATOR_RECORDINGS)
def test_every_recorded_answer(name: str) -> None:
    gets = [x for x in load(name)["exchanges"] if x["request"]["method"] == "GET"]
    assert gets
    with RecordedMaster() as master:
        for exchange in gets:
            request, response = exchange["request"], exchange["response"]
            master.expect(exchange)
            principal, secret = credentials(request)
            with MesosHttp(f"http://{master.address}", principal=principal, secret=secret) as http:
                answer = http.get(request["path"])
                assert answer.status_code == response["status"]
                assert answer.content == body_of(response)
                check_decoded(http, answer, response)
        master.check()


def check_decoded(http: MesosHttp, answer: Any, response: Json) -> None:
    body, status = response.get("body"), response["status"]
    if status == 307:
        with pytest.raises(MesosError, match="this master does not lead") as caught:
            http.decode(answer)
        assert f"points to {response['headers']['Location']}:" in caught.value.message
    elif status >= 400:
        with pytest.raises(MesosError, match=f"answered {status} ") as caught:
            http.decode(answer)
        if isinstance(body, str):
            text = " ".join(body.split())[:100]
            # One that only repeats the status, with a full stop behind it, is not said twice.
            said = caught.value.message
            assert text in said or (said.endswith(f" {text.rstrip('.')}") and text.startswith(f"{status} "))
        assert ("spark.mesos.secret" in caught.value.hint) == (status in (401, 403))
    elif "raw_body_latin1" in response:
        data = http.decode(answer)["data"]
        assert "\ufffd" in data
    elif response["headers"].get("Content-Type") == "application/json":
        assert http.decode(answer) == body
    elif response["headers"].get("Content-Type") == "text/html":
        with pytest.raises(MesosError, match="something else than JSON"):
            http.decode(answer)


@pytest.mark.parametrize("name", ["scheduler-role-multi", "scheduler-role-refined"])
def test_reserved_resources_are_read_in_both_formats(name: str) -> None:
    """A role beside the resource, or a list of reservations: the same resources of the same agent."""

    def offered(recording: str) -> dict[str, Resources]:
        offers = [
            offer
            for event in load(recording)["events"]
            if event.get("type") == "OFFERS"
            for offer in event["offers"]["offers"]
        ]
        return {offer["hostname"]: Resources.from_json(offer["resources"]) for offer in reversed(offers)}

    refined = any(
        "reservations" in resource
        for event in load(name)["events"]
        if event.get("type") == "OFFERS"
        for offer in event["offers"]["offers"]
        for resource in offer["resources"]
    )
    assert refined == (name == "scheduler-role-refined")
    legacy, others = offered("scheduler-role-legacy"), offered(name)
    assert others == legacy
    reserved = legacy["agent2.mesos.example"].reserved()
    assert reserved["spark"].scalar("cpus") == 1
    assert reserved["spark"].scalar("mem") == 512


def test_agents_are_read_as_they_are_offered() -> None:
    for agent in load("master-GET_slaves")["exchanges"][0]["response"]["body"]["slaves"]:
        full = agent["unreserved_resources_full"] + [
            resource for of_role in agent["reserved_resources_full"].values() for resource in of_role
        ]
        assert Resources.from_json(full).summary() == agent["resources"]
