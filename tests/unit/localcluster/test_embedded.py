from __future__ import annotations

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.localcluster.embedded import agent_settings


def test_attributes_for_all_or_for_each() -> None:
    assert [agent["attributes"] for agent in agent_settings(2)] == ["", ""]
    assert [agent["attributes"] for agent in agent_settings(2, attributes=["os:x"])] == ["os:x", "os:x"]
    assert [agent["attributes"] for agent in agent_settings(2, attributes=["os:x", "os:y"])] == [
        "os:x",
        "os:y",
    ]


def test_attributes_that_do_not_add_up() -> None:
    with pytest.raises(UsageError, match="3 times for 2 agents"):
        agent_settings(2, attributes=["a:1", "b:2", "c:3"])
