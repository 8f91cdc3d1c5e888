from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sparkmesos_core.preflight.name_lookup import Lookup
from sparkmesos_core.verify.facts import registered_agents
from sparkmesos_core.verify.facts.cluster_state import AgentsState
from sparkmesos_core.verify.facts.registered_agents import EXPECTED_HOSTS, REGISTERED
from sparkmesos_core.verify.known import Known
from tests.unit.verify.agent_states import state
from tests.verified import subject


class _Knowing(Known):
    """One that knows of an agent at 192.0.2.11."""

    def __getitem__(self, fact: Any) -> Any:
        return AgentsState((state(),)) if fact is REGISTERED else super().__getitem__(fact)


def test_all_names_of_a_long_file_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(names: Sequence[str], deadline: float) -> dict[str, Lookup]:
        return {name: Lookup(("192.0.2.11",)) for name in names}

    monkeypatch.setattr(registered_agents, "look_up", look_up)
    hosts = tuple(f"n{number}.example.com" for number in range(2_000))
    with _Knowing(subject(expected_hosts=hosts), timeout=60) as known:
        assert known[EXPECTED_HOSTS].missing == ()
