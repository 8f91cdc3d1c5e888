"""What operators want of single agents: those calls of the v1 operator API."""

from __future__ import annotations

import math
from typing import Any

from starlette.responses import Response

from sparkmesos_core.localcluster.call_body import CallRefused
from sparkmesos_core.localcluster.http_answers import text_answer
from sparkmesos_core.localcluster.master.master import Master
from sparkmesos_core.localcluster.operator_call import identity

JsonObject = dict[str, Any]

CALLS: dict[str, str | None] = {
    "DEACTIVATE_AGENT": "deactivate_agent",
    "DRAIN_AGENT": "drain_agent",
    "MARK_AGENT_GONE": "mark_agent_gone",
    "REACTIVATE_AGENT": "reactivate_agent",
}
"""Each with the name of the fields that it needs."""
_LONGEST_SECONDS = 2**63 // 10**9
"""What Mesos' DurationInfo has room for, whose nanoseconds are of 64 bits with a sign."""


def answer_call(master: Master, kind: str, fields: JsonObject) -> Response:
    """The answer to one of the calls."""
    agent_id = identity(fields, "agent_id") or ""
    try:
        match kind:
            case "MARK_AGENT_GONE":
                master.mark_agent_gone(agent_id)
            case "DEACTIVATE_AGENT":
                master.deactivate_agent(agent_id)
            case "REACTIVATE_AGENT":
                master.reactivate_agent(agent_id)
            case "DRAIN_AGENT":
                mark_gone = fields.get("mark_gone", False)
                if not isinstance(mark_gone, bool):
                    raise CallRefused(400, "mark_gone is neither true nor false")
                grace = _seconds(fields.get("max_grace_period"))
                master.drain_agent(agent_id, grace, mark_gone=mark_gone)
    except KeyError:
        return text_answer(404, f"Agent '{agent_id}' not found")
    except CallRefused as refused:
        return text_answer(refused.status, refused.text)
    return Response()


def _seconds(period: Any) -> float | None:
    """A Duration of protobuf, which is not Mesos' own DurationInfo; or a text such as `30s`.

    Raises CallRefused if it is neither, or one for which nobody can be let wait.
    """
    seconds = math.nan
    try:
        match period:
            case None:
                return None
            case {"seconds": whole}:
                seconds = float(whole) + float(period.get("nanos", 0)) / 1e9
            case str() if period.endswith("s"):
                seconds = float(period[:-1])
    except (TypeError, ValueError, OverflowError):
        pass
    if not math.isfinite(seconds):
        raise CallRefused(400, "max_grace_period is not a duration")
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise CallRefused(400, f"max_grace_period is not between 0 and {_LONGEST_SECONDS} seconds")
    return seconds
