"""What a dispatcher that takes part in an election says while it cannot pass requests on."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.dispatcher.drivers.kind import DRIVERS
from sparkmesos_core.durable_framework.candidates import Candidate
from sparkmesos_core.durable_framework.election import Standing
from sparkmesos_core.durable_framework.standing_by import StandingBy
from sparkmesos_core.durable_framework.store.ownership import Owner, this_process
from sparkmesos_core.durable_framework.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.master import HostPort

PLACE = ZooKeeperAddress((HostPort("zk1", 2181),), "/d")
OWN = Candidate(this_process(), "http://d1:7077", "http://d1:8081")


class PlayedElection:
    def __init__(self, *, leads: bool) -> None:
        self._leads = leads

    def leads(self, node: str) -> bool:
        return self._leads


class PlayedTerms:
    kind = DRIVERS

    def __init__(self, standing: Standing | None) -> None:
        self.standing = standing


def standing_by(standing: Standing | None, *, leads: bool = True) -> StandingBy[Any]:
    terms: Any = PlayedTerms(standing)
    here = StandingBy(
        PLACE, terms, OWN.http_url, OWN.webui_url, session_timeout=10, ca_file=None, certificate=None
    )
    election: Any = PlayedElection(leads=leads)
    here._election = election
    return here


def elsewhere(url: str) -> Candidate:
    return Candidate(Owner("another-host", 1, "", ""), url, url)


@pytest.mark.parametrize(
    ("standing", "leads", "verdict", "reason"),
    [
        (None, True, "This dispatcher cannot tell who leads at the moment", "the election has not begun"),
        (
            Standing(reason="ZooKeeper does not answer"),
            True,
            "This dispatcher cannot tell who leads at the moment",
            "ZooKeeper does not answer",
        ),
        (
            Standing("n1", OWN),
            False,
            "This dispatcher cannot tell who leads at the moment",
            f"{PLACE} has not answered for too long",
        ),
        (Standing("n1", OWN), True, "No dispatcher leads at the moment", "this dispatcher was elected"),
        (
            Standing(leader=elsewhere("http://127.0.0.1:7077")),
            True,
            "This dispatcher cannot pass requests on",
            "--host",
        ),
    ],
)
def test_why_nothing_is_passed_on(standing: Standing | None, leads: bool, verdict: str, reason: str) -> None:
    state = standing_by(standing, leads=leads).state()
    assert (state.rest_url, state.webui_url, state.verdict) == (None, None, verdict)
    assert reason in state.reason


def test_to_whom_it_is_passed_on() -> None:
    state = standing_by(Standing(leader=elsewhere("http://d2:7077"))).state()
    assert (state.rest_url, state.reason) == ("http://d2:7077", "")
