"""Whether the master takes an application's role."""

from __future__ import annotations

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.mesos.resources import ANY_ROLE
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.need import ROLE, ExecutorNeed

_MOST_ROLES = 10


def check_role(need: ExecutorNeed, facts: ClusterFacts) -> list[Finding]:
    """An error if the master's --roles names roles, and this one is not among them: it refuses the framework.

    Without that flag every role is allowed (`Master::isWhitelistedRole`). Where roles are free-form, one that
    differs from a role with reservations only in case is most likely a slip.
    """
    role, allowed = need.role, facts.roles_whitelist
    if role == ANY_ROLE:
        return []
    if allowed is not None and role not in allowed:
        named = ", ".join(sorted(allowed)[:_MOST_ROLES]) + (", …" if len(allowed) > _MOST_ROLES else "")
        return [
            Finding(
                "role-refused",
                Severity.ERROR,
                f"The master at {facts.master} refuses the role {role}: its --roles names {named}",
                f"Correct {ROLE}, leave it out for the role *, or have it added to the master's --roles.",
                ROLE,
            )
        ]
    reserved = {key.role for agent in facts.agents for key, _ in agent.resources}
    if role not in reserved and (near := [one for one in sorted(reserved) if one.lower() == role.lower()]):
        return [
            Finding(
                "role-without-reservations",
                Severity.WARNING,
                f"Nothing is reserved for the role {role}, but for {near[0]}, which is another one for Mesos",
                f"Did you mean {near[0]}? Else nothing is wrong.",
                ROLE,
            )
        ]
    return []
