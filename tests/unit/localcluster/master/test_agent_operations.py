"""What operators may say of how an agent is drained."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from sparkmesos_core.localcluster.master.agent_operations import answer_call
from sparkmesos_core.localcluster.master.master import Master
from sparkmesos_core.localcluster.operator_json import drain_config

NO_DURATION = "max_grace_period is not a duration"
OUT_OF_RANGE = "max_grace_period is not between 0 and 9223372036 seconds"


def drain(period: Any) -> tuple[int, str, Mock]:
    """The answer to a DRAIN_AGENT, and the master that was to do it."""
    master = Mock(spec=Master)
    fields = {"agent_id": {"value": "S0"}, "max_grace_period": period}
    answer = answer_call(master, "DRAIN_AGENT", fields)
    return answer.status_code, bytes(answer.body).decode(), master


@pytest.mark.parametrize(
    ("period", "seconds"),
    [
        (None, None),
        ("0s", 0.0),
        ("1.5s", 1.5),
        ({"seconds": 1, "nanos": 500_000_000}, 1.5),
        ({"seconds": "2"}, 2.0),
        ("9223372036s", 9223372036.0),
    ],
)
def test_a_grace_period(period: Any, seconds: float | None) -> None:
    status, _, master = drain(period)
    assert status == 200
    master.drain_agent.assert_called_once_with("S0", seconds, mark_gone=False)
    drain_config(seconds, mark_gone=False)


@pytest.mark.parametrize(
    ("period", "text"),
    [
        ("infs", NO_DURATION),
        ("-infs", NO_DURATION),
        ("nans", NO_DURATION),
        ("1e999s", NO_DURATION),
        ({"seconds": "inf"}, NO_DURATION),
        ({"seconds": 0, "nanos": "nan"}, NO_DURATION),
        ({"seconds": 10**400}, NO_DURATION),
        ("2", NO_DURATION),
        (7, NO_DURATION),
        ("-1s", OUT_OF_RANGE),
        ({"seconds": -1}, OUT_OF_RANGE),
        ({"seconds": 0, "nanos": -1}, OUT_OF_RANGE),
        ("1e300s", OUT_OF_RANGE),
    ],
)
def test_what_is_no_grace_period_is_refused(period: Any, text: str) -> None:
    status, said, master = drain(period)
    assert (status, said) == (400, text)
    master.drain_agent.assert_not_called()
