from __future__ import annotations

from sparkmesos_core.localcluster.master.registry import Registry
from tests.unit.localcluster.master.master_play import description


def test_an_agent_is_in_one_place_at_most() -> None:
    registry = Registry()
    registry.admit("a", description())
    registry.mark_unreachable("a", 5.0)
    assert (registry.admitted, registry.unreachable) == ({}, {"a": 5.0})
    registry.admit("a", description())
    assert (list(registry.admitted), registry.unreachable) == (["a"], {})
    registry.mark_gone("a", 7.0)
    assert (registry.admitted, registry.unreachable, registry.gone) == ({}, {}, {"a": 7.0})
