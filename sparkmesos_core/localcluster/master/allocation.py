"""Who is offered what: dominant resource fairness and filters, as Mesos' hierarchical allocator does it.

Each agent is offered as a whole: to the role with the least share, and in it to the framework with the least
share, which wants it; then what the next one may use of the rest, such as another role's reservations.
"""

from __future__ import annotations

from collections.abc import Iterable

from sparkmesos_core.localcluster.master.machines import MachineId
from sparkmesos_core.localcluster.master.master_actions import Action, SendEvent
from sparkmesos_core.localcluster.master.master_books import Books
from sparkmesos_core.localcluster.master.master_records import Agent, Filter, Framework, JsonObject, Offer
from sparkmesos_core.mesos.attributes import attributes_json
from sparkmesos_core.mesos.resources import Resources

MIN_ALLOCATABLE_CPUS = 0.01
MIN_ALLOCATABLE_MEM = 32.0


def allocate(books: Books, now: float, agents: Iterable[Agent] | None = None) -> list[Action]:
    """Offer all that is free on these agents (all if not given) to those who want it."""
    members = _members(books)
    if not members:
        return []
    made: dict[str, list[Offer]] = {}
    for agent in list(books.agents.values() if agents is None else agents):
        if not agent.free or not books.is_active(agent):
            continue
        for role in _by_share(books, members):
            for framework in _by_share_in(books, role, members[role]):
                resources = agent.free.available_to(role)
                if not resources:
                    break
                if _wants(framework, role, agent, resources, now):
                    offer = books.add_offer(framework, agent, role, resources)
                    made.setdefault(framework.framework_id, []).append(offer)
    return [_offers_event(books, books.frameworks[fid], offers, now) for fid, offers in made.items()]


def refuse(
    books: Books, framework: Framework, offer: Offer, rest: Resources, seconds: float, now: float
) -> None:
    """Take back what is left of an offer, and do not offer it to this framework again for some seconds.

    As in Mesos, a filter lasts until after the next allocation at least.
    """
    books.give_back(offer.agent_id, offer.framework_id, offer.role, rest)
    if seconds > 0 and rest:
        expires = now + max(seconds, books.options.allocation_interval)
        framework.filters.setdefault((offer.agent_id, offer.role), []).append(Filter(rest, expires))


def _members(books: Books) -> dict[str, list[Framework]]:
    """Who is to be offered anything, by role."""
    members: dict[str, list[Framework]] = {}
    for framework in books.frameworks.values():
        if framework.connected:
            for role in framework.roles:
                if role not in framework.suppressed:
                    members.setdefault(role, []).append(framework)
    return members


def _by_share(books: Books, members: dict[str, list[Framework]]) -> list[str]:
    """Roles, the one with the least share first; of equals the one that was there first."""
    return list(members) if len(members) == 1 else sorted(members, key=books.shares.of_role)


def _by_share_in(books: Books, role: str, frameworks: list[Framework]) -> list[Framework]:
    if len(frameworks) == 1:
        return frameworks
    return sorted(frameworks, key=lambda f: (books.shares.of_framework(f.framework_id, role), f.sequence))


def _wants(framework: Framework, role: str, agent: Agent, resources: Resources, now: float) -> bool:
    if resources.scalar("cpus") < MIN_ALLOCATABLE_CPUS and resources.scalar("mem") < MIN_ALLOCATABLE_MEM:
        return False
    if agent.total.scalar("gpus") > 0 and not framework.can("GPU_RESOURCES"):
        return False  # as Mesos' --filter_gpu_resources, which is on by default
    key = (agent.agent_id, role)
    if key not in framework.filters:
        return True
    filters = [f for f in framework.filters[key] if f.expires > now]
    if filters:
        framework.filters[key] = filters
    else:
        del framework.filters[key]
    # What was refused is not offered again, unless the agent has something more now.
    return not any(f.refused.contains(resources) for f in filters)


def _offers_event(books: Books, framework: Framework, offers: list[Offer], now: float) -> SendEvent:
    if framework.stream_id is None:
        raise RuntimeError("only a connected framework is offered anything")
    if (timeout := books.options.offer_timeout) is not None:
        for offer in offers:
            books.deadlines.set("offer", offer.offer_id, now + timeout)
    listed = [_offer_json(books, framework, offer) for offer in offers]
    return SendEvent(framework.stream_id, {"type": "OFFERS", "offers": {"offers": listed}})


def _offer_json(books: Books, framework: Framework, offer: Offer) -> JsonObject:
    agent = books.agents[offer.agent_id]
    where = agent.description
    role = offer.role if framework.can("MULTI_ROLE") else None
    refined = framework.can("RESERVATION_REFINEMENT")
    result: JsonObject = {
        "id": {"value": offer.offer_id},
        "framework_id": {"value": framework.framework_id},
        "agent_id": {"value": agent.agent_id},
        "hostname": where.hostname,
        "url": agent_url(agent),
        "resources": offer.resources.offer_order().to_json(allocation_role=role, refined=refined),
        "attributes": attributes_json(agent.attributes),
    }
    executors = [executor_id for owner, executor_id in agent.executors if owner == framework.framework_id]
    if executors:
        result["executor_ids"] = [{"value": executor_id} for executor_id in executors]
    if role is not None:
        result["allocation_info"] = {"role": role}
    if (machine := books.registry.machines.get(MachineId.of_agent(where))) is not None:
        result["unavailability"] = machine.unavailability
    return result


def agent_url(agent: Agent) -> JsonObject:
    """The v1 URL of an agent."""
    where = agent.description
    address = {"hostname": where.hostname, "ip": where.ip, "port": where.port}
    return {"scheme": "http", "address": address, "path": "/slave(1)"}
