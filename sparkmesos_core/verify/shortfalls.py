"""What to say where agents are missing that should be there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkmesos_core.master import HostPort
from sparkmesos_core.verify.facts.cluster_state import AgentsState
from sparkmesos_core.verify.named_agents import counted, some_names


@dataclass(frozen=True)
class Shortfall:
    """That agents are missing, and what to do about it."""

    message: str
    hint: str


def nobody(state: AgentsState, master: HostPort) -> Shortfall | None:
    """What to say if no agent at all is registered."""
    if state.agents:
        return None
    if state.recovering:
        return Shortfall(
            f"No agent is registered with the master at {master} yet: {counted(len(state.recovering))} of "
            f"its predecessor's must still come back ({some_names(state.recovering)})",
            "Wait until they have. If they do not, restart them, and see in their logs what keeps them.",
        )
    lost = f"; it has lost sight of {counted(state.unreachable)}" if state.unreachable else ""
    return Shortfall(
        f"No agent is registered with the master at {master}{lost}",
        f"Start agents with --master={master}, or with the masters' zk:// URL. Where one runs, its log says "
        "why it does not register.",
    )


def expected_missing(
    state: AgentsState, number: int | None, hosts: Sequence[str], missing: Sequence[str]
) -> Shortfall | None:
    """What to say if fewer agents than expected are registered, or some of the `hosts` are `missing`.

    Agents that are registered and do not take part are there: that they do not is another matter.
    """
    agents = len(state.agents)
    if not missing and (number is None or agents >= number):
        return None
    reasons = []
    if state.unreachable:
        reasons.append(f"the master has lost sight of {counted(state.unreachable)}")
    if state.recovering:
        reasons.append(f"{counted(len(state.recovering))} must still come back after a change of masters")
    why = f"; {', and '.join(reasons)}" if reasons else ""
    hint = "Start what is missing; the log of an agent that runs says why it does not register."
    too_few = ""
    if number is not None and agents < number:
        too_few = f"{counted(agents)} {'is' if agents == 1 else 'are'} registered, {number} are expected"
    if missing:
        return Shortfall(
            f"{len(missing)} of {counted(len(hosts), 'expected host')} {_have(len(missing))} no agent: "
            f"{some_names(missing)}{'; ' if too_few else ''}{too_few}{why}",
            f"{hint} An agent that calls itself otherwise has to be expected by that name.",
        )
    return Shortfall(f"{too_few}{why}", hint)


def _have(number: int) -> str:
    return "has" if number == 1 else "have"
