"""What a dispatcher that takes part in an election says while it cannot pass requests on."""

from __future__ import annotations

from typing import Any

import pytest

from sparkmesos_core.dispatcher.candidates import Candidate
from sparkmesos_core.dispatcher.election import Standing
from sparkmesos_core.dispatcher.server.standby import NOBODY_LEADS, NOT_PASSED_ON, NOT_TOLD
from sparkmesos_core.dispatcher.standing_by import StandingBy
from sparkmesos_core.dispatcher.store.ownership import Owner, this_process
from sparkmesos_core.dispatcher.store.zookeeper_address import ZooKeeperAddress
from sparkmesos_core.master import HostPort

PLACE = ZooKeeperAddress((HostPort("zk1", 2181),), "/d")
OWN = Candidate(this_process(), "http://d1:7077", "http://d1:8081")


class PlayedElection:
    def __init__(self, *, leads: bool) -> None:
        self._leads = leads

    def leads(self, node: str) -> bool:
        return self._leads


class PlayedTerms:
    def __init__(self, standing: Standing | None) -> None:
        self.standing = standing


def standing_by(standing: Standing | None, *, leads: bool = True) -> StandingBy:
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
        (None, True, NOT_TOLD, "the election has not begun"),
        (Standing(reason="ZooKeeper does not answer"), True, NOT_TOLD, "ZooKeeper does not answer"),
        (Standing("n1", OWN), False, NOT_TOLD, f"{PLACE} has not answered for too long"),
        (Standing("n1", OWN), True, NOBODY_LEADS, "this dispatcher was elected"),
        (Standing(leader=elsewhere("http://127.0.0.1:7077")), True, NOT_PASSED_ON, "--host"),
    ],
)
def test_why_nothing_is_passed_on(standing: Standing | None, leads: bool, verdict: str, reason: str) -> None:
    state = standing_by(standing, leads=leads).state()
    assert (state.rest_url, state.webui_url, state.verdict) == (None, None, verdict)
    assert reason in state.reason


def test_to_whom_it_is_passed_on() -> None:
    state = standing_by(Standing(leader=elsewhere("http://d2:7077"))).state()
    assert (state.rest_url, state.reason) == ("http://d2:7077", "")
