"""What happens to an application, as the planner is told it (tests/scala/PlannerCommands.scala)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.integration.backend.harness import Harness

Json = dict[str, Any]


def tell(
    harness: Harness,
    events: Sequence[Json],
    properties: Mapping[str, str] | None = None,
    profiles: Sequence[Json] = (),
    environment: Mapping[str, str] | None = None,
) -> list[Json]:
    """What came of each event: the books, and the answers to offers."""
    story = {"events": list(events), "properties": dict(properties or {}), "profiles": list(profiles)}
    told: list[Json] = harness.ask(
        "story", story if environment is None else {**story, "environment": environment}
    )
    return told


def scalar(name: str, value: float, role: str = "*", **more: Any) -> Json:
    """A Resource with an amount."""
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": role, **more}


def ports(*ranges: tuple[int, int], role: str = "*", **more: Any) -> Json:
    """A Resource of ports."""
    listed = [{"begin": begin, "end": end} for begin, end in ranges]
    return {"name": "ports", "type": "RANGES", "ranges": {"range": listed}, "role": role, **more}


def offer(number: int, *resources: Json, agent: int = 0, attributes: Sequence[Json] = ()) -> Json:
    """An Offer of an agent, whose host is named for it. Without resources it has four cpus and 8 GB."""
    return {
        "id": {"value": f"O{number}"},
        "framework_id": {"value": "F"},
        "agent_id": {"value": f"S{agent}"},
        "hostname": f"agent{agent}.mesos.example",
        "resources": list(resources or (scalar("cpus", 4), scalar("mem", 8192), ports((31000, 32000)))),
        "attributes": list(attributes),
    }


def launched(step: Json) -> dict[str, list[Json]]:
    """What was launched on each offer that was accepted."""
    return {answer["offer"]: answer["launch"] for answer in step["answers"] if "launch" in answer}


def declined(step: Json) -> dict[str, float | None]:
    """For how many seconds each declined offer is refused; None where that is left to Mesos."""
    return {answer["offer"]: answer["refuse_seconds"] for answer in step["answers"] if "launch" not in answer}


def reasons(step: Json) -> dict[str, str]:
    """Why each declined offer is of no use."""
    return {answer["offer"]: answer["why"] for answer in step["answers"] if "launch" not in answer}
