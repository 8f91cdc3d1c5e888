"""What is said about masters that answer as a real Mesos 1.12.0 did."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.master import HostPort, MesosMaster
from sparkmesos_core.verify.check import Result, Status
from sparkmesos_core.verify.checks import master, master_health, master_terms
from sparkmesos_core.verify.checks.master_health import judge_elections, judge_registry, traffic_of
from sparkmesos_core.verify.facts.foreign_server import Foreign, identify
from sparkmesos_core.verify.facts.master_answers import MasterTimes
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.run import run_checks
from tests.contract.recorded import Json, load
from tests.contract.recorded_master import body_of
from tests.http_stub import Answer, HttpStub, http_stub
from tests.verified import subject

CHECKS = [*master.CHECKS, *master_terms.CHECKS, *master_health.CHECKS]
IDLE = (
    "flags",
    "health",
    "metrics_snapshot",
    "redirect",
    "roles",
    "version",
)
Answering = Callable[[str, Mapping[str, str], bytes], Json | None]
"""From a path, headers and a body to a recorded answer."""


def get(name: str, path: str) -> Json:
    """The first recorded answer to a GET."""
    for exchange in load(name)["exchanges"]:
        request = exchange["request"]
        if (request["method"], request["path"]) == ("GET", path):
            found: Json = exchange["response"]
            return found
    raise AssertionError(f"{name} has no GET {path}")


def answer_of(name: str, number: int) -> Json:
    """The recorded answer to the request with this number, from 0."""
    found: Json = load(name)["exchanges"][number]["response"]
    return found


def idle(path: str, headers: Mapping[str, str], body: bytes) -> Json | None:
    """The leading master of the recordings, without frameworks."""
    for name in IDLE:
        recording = load(f"master-GET_{name}")["exchanges"][0]
        if recording["request"]["path"] == path:
            return answer_of(f"master-GET_{name}", 0)
    if path == "/api/v1/scheduler":
        return get("scheduler-bad-requests", path)
    if path == "/api/v1" and json.loads(body) == {"type": "GET_MASTER"}:
        return answer_of("master-api-GET_MASTER", 0)
    return None


@contextmanager
def served(answering: Answering, *, named: HostPort | None = None) -> Iterator[HttpStub]:
    """A server of recorded answers; `named` is where it says that master1 is, itself if left out."""

    def answer(path: str) -> Answer:
        recorded = answering(path, stub.requests[-1][2], stub.bodies[-1])
        if recorded is None:
            return Answer(404)
        headers = {
            name: value.replace("master1.mesos.example:5050", str(named or stub.address))
            for name, value in recorded["headers"].items()
            if name not in ("Content-Length", "Content-Encoding")
        }
        return Answer(recorded["status"], body_of(recorded), headers)

    with http_stub(answer) as stub:
        yield stub


def results(*stubs: HttpStub, settings: Mapping[str, str] | None = None) -> dict[str, Result]:
    of = subject(settings, master=MesosMaster(tuple(stub.address for stub in stubs)))
    with Known(of, timeout=20) as known:
        return {result.check.id: result for result in run_checks(CHECKS, known)}


def failing(found: Mapping[str, Result]) -> set[str]:
    return {name for name, result in found.items() if result.status in (Status.ERROR, Status.WARNING)}


def test_the_idle_master() -> None:
    with served(idle) as leading:
        found = results(leading)
        said = {name: result.seen for name, result in found.items()}
        assert failing(found) == set(), said
        assert said["master-version"] == "Mesos 1.12.0"
        assert said["master-role"] == "the role is *; the master takes any role"
        assert said["master-recovery"] == "the registry is recovered, 788 bytes"
        assert said["master-messages"] == "4 messages taken, 0 dropped since the master has started"
        assert said["master-authentication"] == "the master registers frameworks without credentials"
        assert said["master-elections"] == "it runs for 2 s, and leads for 2 s"
        asked = [path for _, path, _ in leading.requests]
        assert sorted(set(asked)) == sorted(
            [
                "/api/v1",
                "/api/v1/scheduler",
                "/flags",
                "/health",
                "/metrics/snapshot",
                "/redirect",
                "/roles",
                "/version",
            ]
        )


def not_leading(path: str, headers: Mapping[str, str], body: bytes) -> Json | None:
    try:
        return get("non-leading-master", path)
    except AssertionError:
        return None


def test_a_standby_that_follows() -> None:
    with served(idle) as leading, served(not_leading, named=leading.address) as standby:
        found = results(standby, leading)
        assert failing(found) == set()
        assert found["master-leader"].seen == f"http://{leading.address}"
        assert found["master-others"].seen == f"1 of 1 follow {leading.address}"


def test_a_standby_that_names_the_leader_as_only_its_network_knows_it() -> None:
    """Behind forwarded ports: the leader's own name means nothing here, but the others say the same."""
    inside = HostPort("master1.invalid", 5050)
    with served(idle, named=inside) as leading, served(not_leading, named=inside) as standby:
        found = results(leading, standby)
        assert failing(found) == set()
        assert found["master-others"].seen == f"1 of 1 follow {leading.address}"


def test_a_standby_that_follows_another() -> None:
    elsewhere = HostPort("127.0.0.9", 5050)
    with served(idle) as leading, served(not_leading, named=elsewhere) as standby:
        found = results(leading, standby)
        assert failing(found) == {"master-others"}
        (problem,) = found["master-others"].problems
        assert problem.message == (
            f"The master at {standby.address} takes 127.0.0.9:5050 for the leader, not {leading.address}"
        )
        assert problem.severity is Severity.ERROR


def secured(path: str, headers: Mapping[str, str], body: bytes) -> Json | None:
    """With authentication on: `authentication`, and what was recorded without it for who may know."""
    known = ("Basic b3BzOjBwc2VjcmV0", "Basic c3Bhcms6c3A0cms=")
    if path in ("/version", "/health", "/redirect"):
        return get("authentication", path)
    if headers.get("Authorization") in known:
        return idle(path, headers, body)
    if path == "/api/v1/scheduler":
        return answer_of("authentication", 0)
    return get("authentication", "/state")


def test_a_master_that_wants_credentials() -> None:
    with served(secured) as leading:
        found = results(leading)
        assert failing(found) == {"master-authentication"}
        assert found["master-authentication"].seen == (
            f"http://{leading.address} wants credentials, and there are none (401 Unauthorized)"
        )
        assert found["master-role"].follows == "master-authentication"
        wrong = results(leading, settings={"spark.mesos.principal": "spark", "spark.mesos.secret": "wrong"})
        assert failing(wrong) == {"master-authentication"}
        assert "does not accept the credentials of the principal spark" in wrong["master-authentication"].seen
        right = results(leading, settings={"spark.mesos.principal": "spark", "spark.mesos.secret": "sp4rk"})
        assert failing(right) == set()
        assert right["master-authentication"].seen == "the master knows spark"
        asked = [path for _, path, _ in leading.requests]
        last = asked[len(asked) - asked[::-1].index("/roles") - 1 :]
        assert last.count("/api/v1/scheduler") == 2  # without credentials, and with them


@pytest.mark.parametrize("there", [True, False])
def test_secrets_are_not_sent_for_libmesos(tmp_path: Any, there: bool) -> None:
    """Nor where there is a slip in the way to libmesos."""
    library = tmp_path / "libmesos.so"
    if there:
        library.write_bytes(b"\x7fELF")
    settings = {"spark.mesos.principal": "spark", "spark.mesos.secret": "sp4rk"}
    with served(secured) as leading:
        of = subject(
            settings,
            {"MESOS_NATIVE_JAVA_LIBRARY": str(library)},
            master=MesosMaster((leading.address,)),
        )
        with Known(of, timeout=20) as known:
            found = {result.check.id: result for result in run_checks(CHECKS, known)}
        assert failing(found) == {"master-authentication"}
        (problem,) = found["master-authentication"].problems
        assert "libmesos never sends" in problem.message
        assert "--mesos-driver http" in problem.hint
        assert not any("Authorization" in headers for _, _, headers in leading.requests)


def test_flags_that_are_kept_from_libmesos(tmp_path: Any) -> None:
    """What they would say is not made up."""
    library = tmp_path / "libmesos.so"
    library.write_bytes(b"\x7fELF")

    def hiding(path: str, headers: Mapping[str, str], body: bytes) -> Json | None:
        if path == "/flags":
            return {"status": 403, "headers": {}, "body": ""}
        return idle(path, headers, body)

    with served(hiding) as leading:
        of = subject(
            {"spark.mesos.role": "etl"},
            {"MESOS_NATIVE_JAVA_LIBRARY": str(library)},
            master=MesosMaster((leading.address,)),
        )
        with Known(of, timeout=20) as known:
            found = {result.check.id: result for result in run_checks(CHECKS, known)}
    assert failing(found) == set()
    assert found["master-authentication"].seen == (
        "whether frameworks have to authenticate, the master does not tell"
    )
    assert found["master-role"].seen == "the role is etl; which ones the master takes, it does not tell"


def test_a_master_that_has_not_finished_its_recovery() -> None:
    recovering = next(found for found in _within(load("scheduler-master-failover-before")) if found)

    def answering(path: str, headers: Mapping[str, str], body: bytes) -> Json | None:
        return recovering if path == "/api/v1/scheduler" else idle(path, headers, body)

    with served(answering) as leading:
        found = results(leading)
    assert failing(found) == {"master-recovery"}
    assert "503 Service Unavailable: Master has not finished recovery" in found["master-recovery"].seen
    assert found["master-api"].follows == "master-recovery"


def _within(value: Any) -> Iterator[Json | None]:
    """The answer that says so, wherever it is in a recording."""
    if isinstance(value, dict):
        yield value if value.get("body") == "Master has not finished recovery" else None
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _within(one)


def test_metrics_and_times() -> None:
    metrics = get("master-GET_metrics_snapshot", "/metrics/snapshot")["body"]
    assert judge_registry(metrics).problems == ()
    assert (traffic_of(metrics).dropped, traffic_of(metrics).queues) == (0, {})
    told = answer_of("leading-master-redirect", 2)["body"]["get_master"]
    times = MasterTimes(told["start_time"], told["elected_time"])
    (note,) = judge_elections(times, metrics["master/uptime_secs"]).problems
    assert note.severity is Severity.NOTE
    assert judge_elections(times, 3600.0).problems == ()


def agent(path: str, headers: Mapping[str, str], body: bytes) -> Json | None:
    return answer_of("agent-GET_flags", 0) if path == "/flags" else None


def secured_agent(path: str, headers: Mapping[str, str], body: bytes) -> Json | None:
    refused: Json = next(
        exchange["response"]
        for exchange in load("authentication")["exchanges"]
        if "mesos-agent" in exchange["response"]["headers"].get("WWW-Authenticate", "")
    )
    return refused if path == "/flags" else None


def agent_of_a_file(path: str, headers: Mapping[str, str], body: bytes) -> Json | None:
    found = agent(path, headers, body)
    if found is not None:
        found = json.loads(json.dumps(found))
        found["body"]["flags"]["master"] = "file:///etc/mesos/zk"
    return found


@pytest.mark.parametrize(
    ("answering", "hint"),
    [
        (agent_of_a_file, "Give the address of its master (port 5050)."),
        (agent, "Give the address of its master: mesos://127.0.0.1:5050."),
        (secured_agent, "Give the address of its master (port 5050)."),
    ],
)
def test_an_agent_in_the_place_of_a_master(answering: Answering, hint: str) -> None:
    with served(answering) as stub:
        named = MesosMaster((stub.address,))
        found = identify(named, ca_file=None, deadline=time.monotonic() + 20)
        assert found == {stub.address: Foreign("a Mesos agent", hint)}
    with served(idle) as leading:
        deadline = time.monotonic() + 20
        assert identify(MesosMaster((leading.address,)), ca_file=None, deadline=deadline) == {}


def of_pages(page: str) -> Answering:
    def answer(path: str, headers: Mapping[str, str], body: bytes) -> Json | None:
        return (
            {"status": 200, "headers": {"Content-Type": "text/html"}, "body": page} if path == "/" else None
        )

    return answer


@pytest.mark.parametrize(
    ("page", "what"),
    [
        ('<head><link rel="stylesheet" href="/history/static/webui.css"/></head>', "a web page of Spark"),
        ('<title>Directory listing for /</title><a href="spark-3.5.9/">spark-3.5.9/</a>', ""),
    ],
)
def test_that_a_page_mentions_spark_makes_it_none_of_spark(page: str, what: str) -> None:
    with served(of_pages(page)) as stub:
        found = identify(MesosMaster((stub.address,)), ca_file=None, deadline=time.monotonic() + 20)
    assert [foreign.what for foreign in found.values()] == ([what] if what else [])


def test_who_has_used_up_the_time_is_not_asked_again() -> None:
    with served(agent) as stub:
        assert identify(MesosMaster((stub.address,)), ca_file=None, deadline=time.monotonic()) == {}
        assert stub.requests == []
