from __future__ import annotations

import pytest

from sparkmesos_core.verify.facts.cluster_state import AgentsState
from sparkmesos_core.verify.shortfalls import expected_missing, nobody
from tests.unit.preflight.clusters import MASTER
from tests.unit.verify.agent_states import state


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (AgentsState((state(),)), None),
        (AgentsState((state(active=False),)), None),
        (AgentsState(()), "No agent is registered with the master at 192.0.2.1:5050"),
        (
            AgentsState((), unreachable=2),
            "No agent is registered with the master at 192.0.2.1:5050; it has lost sight of 2 agents",
        ),
        (
            AgentsState((), recovering=("a", "b", "c", "d"), unreachable=1),
            "No agent is registered with the master at 192.0.2.1:5050 yet: 4 agents of its predecessor's must still "
            "come back (a, b, c and 1 more)",
        ),
    ],
)
def test_nobody(cluster: AgentsState, message: str | None) -> None:
    found = nobody(cluster, MASTER)
    assert (found.message if found else None) == message
    assert found is None or found.hint.endswith(".")


@pytest.mark.parametrize(
    ("agents", "number", "missing", "message"),
    [
        (2, None, [], None),
        (2, 2, [], None),
        (3, 2, [], None),
        (1, 0, [], None),
        (1, 3, [], "1 agent is registered, 3 are expected"),
        (2, 3, [], "2 agents are registered, 3 are expected"),
        (2, None, ["x"], "1 of 2 expected hosts has no agent: x"),
        (2, 2, ["x", "y"], "2 of 2 expected hosts have no agent: x, y"),
        (
            2,
            9,
            ["x", "y"],
            "2 of 2 expected hosts have no agent: x, y; 2 agents are registered, 9 are expected",
        ),
    ],
)
def test_expected(agents: int, number: int | None, missing: list[str], message: str | None) -> None:
    cluster = AgentsState(tuple(state(hostname=f"agent{index}") for index in range(agents)))
    found = expected_missing(cluster, number, ["x", "y"] if missing else [], missing)
    assert (found.message if found else None) == message


def test_where_they_may_be() -> None:
    cluster = AgentsState((state(),), recovering=("b",), unreachable=3)
    found = expected_missing(cluster, 5, (), ())
    assert found is not None
    assert found.message == (
        "1 agent is registered, 5 are expected; the master has lost sight of 3 agents, and 1 agent must still "
        "come back after a change of masters"
    )
