"""Agents that die, are cut off, shut down, marked gone or come back: the recorded events, in their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.stage import staged


@pytest.mark.parametrize(
    "name",
    [
        "scheduler-agent-gone",
        "scheduler-agent-killed",
        "scheduler-agent-killed-partition-aware",
        "scheduler-agent-lost-checkpoint",
        "scheduler-agent-lost-partition-aware",
        "scheduler-agent-partitioned",
        "scheduler-agent-partitioned-partition-aware",
        "scheduler-agent-shutdown",
    ],
)
def test_what_happens_to_an_agent(name: str, tmp_path: Path) -> None:
    # Recorded with a timeout of 1 s. The tasks have to outlast it all.
    options = {"agent_ping_timeout": 0.75, "max_agent_ping_timeouts": 2, "registration_backoff": 0.1}
    with staged(tmp_path, **options) as stage, stage.replay(name, sleep_factor=1.0) as conversation:
        conversation.run().check()
