"""Finding the dispatcher by what Mesos knows of it."""

from __future__ import annotations

import json
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
import trustme

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.verify.all_checks import ALL_CHECKS
from sparkmesos_core.verify.check import Result, Status
from sparkmesos_core.verify.facts.cluster import STATE
from sparkmesos_core.verify.facts.cluster_state import AgentsState, ClusterState, FrameworkState
from sparkmesos_core.verify.facts.dispatcher import known_dispatchers, place_of
from sparkmesos_core.verify.facts.master import LEADER
from sparkmesos_core.verify.known import Fact
from sparkmesos_core.verify.run import run_checks
from tests.http_stub import Answer, http_stub
from tests.unit.verify.told_facts import Told

NOTHING = Resources({})


def framework(
    id: str = "f-1", name: str = "Spark Cluster", url: str = "", *,
    connected: bool = True, completed: bool = False, runs_drivers: bool = False,
) -> FrameworkState:  # fmt: skip
    return FrameworkState(
        id, name, ("*",), "", "", "", url, True, connected, 0.0, NOTHING, NOTHING,
        completed=completed, runs_drivers=runs_drivers,
    )  # fmt: skip


def test_dispatchers_among_frameworks() -> None:
    frameworks = (
        framework("1"),
        framework("2", "PySparkShell"),
        framework("3", "spark-prod", runs_drivers=True),
        framework("4", connected=False),
        framework("5", completed=True),
    )
    assert [one.id for one in known_dispatchers(frameworks)] == ["1", "3"]


def results(*frameworks: FrameworkState, cluster_mode: bool = True) -> dict[str, Result]:
    """What the checks say that need the dispatcher, where the master has these frameworks."""
    facts: dict[Fact[Any], Any] = {
        STATE: ClusterState(AgentsState(()), frameworks, read_at=0.0),
        LEADER: Leader(HostPort("192.0.2.1", 5050)),
    }
    checks = [one for one in ALL_CHECKS if "dispatcher" in one.id]
    with Told(facts, *(("--deploy-mode", "cluster") if cluster_mode else ())) as known:
        return {one.check.id: one for one in run_checks(checks, known)}


LOST = framework("1", url="http://d:8081", connected=False)


@pytest.mark.parametrize(
    ("frameworks", "said", "hint"),
    [
        ((), "Mesos knows none, and none was named", "Start one with `sparkmesos start-dispatcher "),
        (
            (framework(completed=True),),
            "Mesos knows none, and none was named",
            "Start one with `sparkmesos start-dispatcher ",
        ),
        (
            (LOST,),
            "Mesos has lost the only dispatcher that it knows, 'Spark Cluster' (http://d:8081)",
            "Start it again with the options that it had, `sparkmesos start-dispatcher ",
        ),
        (
            (LOST, framework("2", runs_drivers=True, name="b", url="http://e", connected=False)),
            "Mesos has lost all 2 dispatchers that it knows, 'Spark Cluster' (http://d:8081), 'b' (http://e)",
            "Start it again with the options that it had, `sparkmesos start-dispatcher ",
        ),
    ],
)
def test_cluster_mode_without_a_dispatcher_is_one_error(
    frameworks: tuple[FrameworkState, ...], said: str, hint: str
) -> None:
    found = results(*frameworks)
    assert {one.status for id, one in found.items() if id.startswith("dispatcher-")} == {
        Status.ERROR,
        Status.SKIPPED,
    }
    (problem,) = (problem for one in found.values() for problem in one.problems)
    (told,) = found["dispatcher-found"].problems
    assert told is problem
    assert problem.severity is Severity.ERROR
    assert problem.message == f"Cluster mode needs a dispatcher: {said}"
    assert problem.hint.startswith(f"{hint}--master mesos://192.0.2.1:5050")
    assert problem.origin is not None
    followers = {id for id, one in found.items() if one.follows == "dispatcher-found"}
    assert followers >= {id for id in found if id.startswith("dispatcher-")} - {"dispatcher-found"}
    if any(not one.completed for one in frameworks):
        assert "frameworks-dispatcher" in followers


def test_in_client_mode_one_that_is_lost_is_a_warning() -> None:
    found = results(LOST, cluster_mode=False)
    assert found["frameworks-dispatcher"].status is Status.WARNING
    assert {one.status for id, one in found.items() if id.startswith("dispatcher-")} == {Status.SKIPPED}


def test_one_that_is_lost_beside_another_is_a_warning_in_cluster_mode_too() -> None:
    # The one that is there has no address: where it is has to be named.
    found = results(LOST, framework("2"))
    assert found["frameworks-dispatcher"].status is Status.WARNING
    assert found["dispatcher-found"].status is Status.NOTE


def test_ours_tells_where_submissions_go() -> None:
    told = json.dumps({"ready": True, "address": "mesos://10.0.0.3:7099"}).encode()
    with http_stub({"/health": Answer(200, told)}) as stub:
        place = place_of(framework(url=f"http://{stub.address}"), time.monotonic() + 30)
    assert place is not None
    assert (str(place), place.guessed, place.asked_for) == ("mesos://10.0.0.3:7099", False, False)


def test_ours_over_https(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    ca_file = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(ca_file)
    told = json.dumps({"ready": True, "address": "mesos://https://10.0.0.3:7099"}).encode()
    with http_stub({"/health": Answer(200, told)}, tls) as stub:
        url = f"https://{stub.address}"
        place = place_of(framework(url=url), time.monotonic() + 30, ca_file)
        assert place is not None
        assert (str(place), place.guessed) == ("mesos://https://10.0.0.3:7099", False)
        # Nobody has to believe it without knowing its authority.
        place = place_of(framework(url=url), time.monotonic() + 30)
        assert place is not None
        assert (str(place), place.guessed) == ("mesos://https://127.0.0.1:7077", True)


def test_no_more_than_a_few_addresses_are_believed() -> None:
    many = "mesos://" + ",".join(f"10.0.0.{number}:7077" for number in range(1, 200))
    with http_stub({"/health": Answer(200, json.dumps({"address": many}).encode())}) as stub:
        place = place_of(framework(url=f"http://{stub.address}"), time.monotonic() + 30)
    assert place is not None
    assert len(place.dispatcher.addresses) == 8


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404),
        Answer(200, b"<html>"),
        Answer(200, b"[]"),
        Answer(200, b"{}"),
        Answer(200, b'{"address": "zk://x"}'),
    ],
)
def test_others_have_the_usual_port(answer: Answer) -> None:
    with http_stub({"/health": answer}) as stub:
        place = place_of(framework(url=f"http://{stub.address}"), time.monotonic() + 30)
    assert place is not None
    assert (place.dispatcher.address, place.guessed) == (HostPort("127.0.0.1", 7077), True)


@pytest.mark.parametrize("url", ["", "nonsense", "http://", "http://a:b:c", "http://[::1", "//"])
def test_no_address(url: str) -> None:
    assert place_of(framework(url=url), time.monotonic() + 30) is None
