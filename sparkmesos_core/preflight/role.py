"""Whether the master takes an application's role."""

from __future__ import annotations

from collections.abc import Collection

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.resources import ANY_ROLE
from sparkmesos_core.preflight.cluster_facts import ClusterFacts
from sparkmesos_core.preflight.need import ROLE, ExecutorNeed

_MOST_ROLES = 10


def check_role(need: ExecutorNeed, facts: ClusterFacts) -> list[Finding]:
    """At most one finding: that of `check_allowed`, or else that of `check_reservations`."""
    return check_allowed(need.role, facts.roles_whitelist, facts.master) or check_reservations(need, facts)


def check_allowed(role: str, allowed: Collection[str] | None, master: HostPort) -> list[Finding]:
    """An error if the master's --roles names roles, and this one is not among them: it refuses the framework.

    Without that flag (`allowed` is None) every role is allowed (`Master::isWhitelistedRole`).
    """
    if role == ANY_ROLE or allowed is None or role in allowed:
        return []
    return [
        Finding(
            "role-refused",
            Severity.ERROR,
            f"The master at {master} refuses the role {role}: its --roles names {listed_roles(allowed)}",
            f"Correct {ROLE}, leave it out for the role *, or have it added to the master's --roles.",
            ROLE,
        )
    ]


def listed_roles(roles: Collection[str]) -> str:
    """A few of them, for a message."""
    return ", ".join(sorted(roles)[:_MOST_ROLES]) + (", …" if len(roles) > _MOST_ROLES else "")


def check_reservations(need: ExecutorNeed, facts: ClusterFacts) -> list[Finding]:
    """A warning if a role without reservations is that of some but for its case: most likely a slip."""
    role = need.role
    reserved = {key.role for agent in facts.agents for key, _ in agent.resources}
    near = [one for one in sorted(reserved) if one.lower() == role.lower()]
    if role == ANY_ROLE or role in reserved or not near:
        return []
    return [
        Finding(
            "role-without-reservations",
            Severity.WARNING,
            f"Nothing is reserved for the role {role}, but for {near[0]}, which is another one for Mesos",
            f"Did you mean {near[0]}? Else nothing is wrong.",
            ROLE,
        )
    ]
