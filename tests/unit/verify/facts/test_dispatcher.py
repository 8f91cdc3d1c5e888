"""Finding the dispatcher by what Mesos knows of it."""

from __future__ import annotations

import json
import ssl
import time
from pathlib import Path

import pytest
import trustme

from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.resources import Resources
from sparkmesos_core.verify.facts.cluster_state import FrameworkState
from sparkmesos_core.verify.facts.dispatcher import known_dispatchers, place_of
from tests.http_stub import Answer, http_stub

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
