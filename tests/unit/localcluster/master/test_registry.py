from __future__ import annotations

from sparkmesos_core.localcluster.master.registry import Departed, Registry
from tests.unit.localcluster.master.master_play import description


def test_an_agent_is_in_one_place_at_most() -> None:
    registry = Registry()
    registry.admit("a", description())
    registry.mark_unreachable("a", 5.0)
    assert (registry.admitted, registry.unreachable) == ({}, {"a": Departed(5.0, description())})
    registry.admit("a", description())
    assert (list(registry.admitted), registry.unreachable) == (["a"], {})
    registry.mark_gone("a", 7.0)
    gone = {"a": Departed(7.0, description())}
    assert (registry.admitted, registry.unreachable, registry.gone) == ({}, {}, gone)


def test_an_unreachable_agent_that_is_marked_gone_is_still_described() -> None:
    registry = Registry()
    registry.admit("a", description())
    registry.mark_unreachable("a", 5.0)
    registry.mark_gone("a", 7.0)
    assert (registry.unreachable, registry.gone) == ({}, {"a": Departed(7.0, description())})
