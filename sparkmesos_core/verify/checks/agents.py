"""Whether the agents are there that should be, take part, can be found, and are new enough."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.mesos.http import HANGS
from sparkmesos_core.preflight.agent_names import MOST_NAMES, names_of
from sparkmesos_core.preflight.agent_names import judge as judge_names
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.name_lookup import Lookup
from sparkmesos_core.preflight.this_machine import this_machine
from sparkmesos_core.verify.agent_requirements import Requirement, too_old
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable, problem_of
from sparkmesos_core.verify.expected_agents import unexpected_agents
from sparkmesos_core.verify.facts.application import REQUIREMENTS
from sparkmesos_core.verify.facts.cluster import CLUSTER_FACTS
from sparkmesos_core.verify.facts.cluster_state import AgentsState
from sparkmesos_core.verify.facts.dispatcher import wants_cluster_mode
from sparkmesos_core.verify.facts.fitting_agents import DIVISION
from sparkmesos_core.verify.facts.master import LEADER
from sparkmesos_core.verify.facts.registered_agents import (
    AGENT_NAMES,
    COMPLETE,
    EXPECTED_HOSTS,
    REACHED,
    REGISTERED,
    ExpectedHosts,
    Reached,
)
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.named_agents import (
    counted,
    lines,
    name_of,
    part_of,
    some_agents,
    some_names,
)
from sparkmesos_core.verify.shortfalls import expected_missing
from sparkmesos_core.verify.subject import Subject

CHECKS = Checks(Group.AGENTS)


@CHECKS.add(
    "agents-registered",
    "Agents registered with the master",
    Severity.ERROR,
    finds="no agent is registered at all, so that an application waits for ever: *Initial job has not "
    "accepted any resources; check your cluster UI to ensure that workers are registered and have "
    "sufficient resources*",
    remedy="Start agents with `--master=` and the address of this master, or the `zk://` URL of the masters. "
    "If they run, their logs say why they do not register: another master, a port that is blocked (agents "
    "connect to the master, and the master to port 5051 of theirs), or credentials.",
)
def _registered(known: Known) -> Verdict:
    state = known[REGISTERED]
    active = sum(agent.facts.active for agent in state.agents)
    taking_part = "all take part" if active == len(state.agents) else f"{active} take part"
    return Verdict(f"{counted(len(state.agents))}, {taking_part}")


@CHECKS.add(
    "agents-expected",
    "Expected agents",
    Severity.ERROR,
    finds="fewer agents than `--expect-agents` says are registered, or none on a host of `--agents-file`",
    remedy="Start the agents that are named, or see in their logs why they do not register. A file of agents "
    "has the host names that agents call themselves by, or their addresses.",
)
def _expected(known: Known) -> Verdict:
    subject = known.subject
    if subject.expected_agents is None and not subject.expected_hosts:
        return not_applicable("neither --expect-agents nor --agents-file is given")
    return judge_expected(known[REGISTERED], subject, known[EXPECTED_HOSTS])


def judge_expected(state: AgentsState, subject: Subject, hosts: ExpectedHosts) -> Verdict:
    """Whether the agents are registered that the subject says there should be."""
    agents = [agent.facts for agent in state.agents]
    seen = f"{counted(len(agents))} registered"
    if subject.expected_agents is not None:
        seen += f", {subject.expected_agents} expected"
    if subject.expected_hosts:
        there = len(subject.expected_hosts) - len(hosts.missing)
        seen += f", on {part_of(there, len(subject.expected_hosts), 'expected host')}"
    found = expected_missing(state, subject.expected_agents, subject.expected_hosts, hosts.missing)
    if found is not None:
        return Verdict(
            seen, (Problem(Severity.ERROR, found.message, found.hint, details=lines(hosts.missing)),)
        )
    others = unexpected_agents(subject.expected_hosts, agents, hosts.addresses)
    if subject.expected_hosts and others:
        note = f"{counted(len(others))} {_are(others)} not in the file: {some_agents(others)}"
        return Verdict(seen, (Problem(Severity.NOTE, note, "", details=_listed(others)),))
    return Verdict(seen)


@CHECKS.add(
    "agents-inactive",
    "Agents connected to the master",
    Severity.ERROR,
    finds="agents are registered, but the master has lost the connection to them: nothing is offered of "
    "them, and after a while (`--agent_ping_timeout` times `--max_agent_ping_timeouts`) their tasks are "
    "lost; an error if no other agent takes part, or they are expected",
    remedy="See whether the agent runs on these machines, start it if not, and else see in its log what "
    "keeps it from the master.",
)
def _inactive(known: Known) -> Verdict:
    out = [
        agent.facts
        for agent in known[REGISTERED].agents
        if not agent.facts.active and not agent.deactivated and not agent.draining
    ]
    if not out:
        return Verdict("all are connected")
    problem = Problem(
        severity_of_absence(known[REGISTERED], out, known.subject, known[EXPECTED_HOSTS]),
        f"{_part(out, known)} {_are(out)} disconnected from the master: {some_agents(out)}",
        "See on these machines whether the agent runs, and start it if not; else its log says what keeps it "
        f"from the master at {known[LEADER].address}.",
        details=_listed(out),
    )
    return Verdict(f"{counted(len(out))} disconnected", (problem,))


@CHECKS.add(
    "agents-deactivated",
    "Agents that nobody has deactivated",
    Severity.ERROR,
    finds="an operator has deactivated agents, so that nothing is offered of them; an error if no other "
    "agent takes part, or they are expected",
    remedy="Reactivate them when their maintenance is over (the call `REACTIVATE_AGENT` to the master).",
)
def _deactivated(known: Known) -> Verdict:
    out = [agent.facts for agent in known[REGISTERED].agents if agent.deactivated and not agent.draining]
    if not out:
        return Verdict("none is deactivated")
    problem = Problem(
        severity_of_absence(known[REGISTERED], out, known.subject, known[EXPECTED_HOSTS]),
        f"{_part(out, known)} {_are(out)} deactivated by an operator: {some_agents(out)}",
        _reactivate(out, known),
        details=_listed(out),
    )
    return Verdict(f"{counted(len(out))} deactivated", (problem,))


@CHECKS.add(
    "agents-draining",
    "Agents that are not drained",
    Severity.ERROR,
    finds="an operator drains agents, so that nothing is offered of them and their tasks are killed; an "
    "error if no other agent takes part, or they are expected",
    remedy="Reactivate them when they are drained and their maintenance is over (the call `REACTIVATE_AGENT` "
    "to the master).",
)
def _draining(known: Known) -> Verdict:
    drained = [agent for agent in known[REGISTERED].agents if agent.draining]
    out = [agent.facts for agent in drained]
    if not out:
        return Verdict("none is drained")
    under_way = sum(agent.draining != "DRAINED" for agent in drained)
    state = f"{under_way} of them still at it" if under_way else "nothing runs there any more"
    problem = Problem(
        severity_of_absence(known[REGISTERED], out, known.subject, known[EXPECTED_HOSTS]),
        f"{_part(out, known)} {_are(out)} drained by an operator ({state}): {some_agents(out)}",
        _reactivate(out, known),
        details=_listed(out),
    )
    return Verdict(f"{counted(len(out))} drained", (problem,))


def severity_of_absence(
    state: AgentsState, out: Sequence[AgentFacts], subject: Subject, hosts: ExpectedHosts
) -> Severity:
    """An error if nobody takes part, or somebody does not who is expected to; else a warning."""
    active = sum(agent.facts.active for agent in state.agents)
    too_few = subject.expected_agents is not None and active < subject.expected_agents <= len(state.agents)
    strangers = unexpected_agents(subject.expected_hosts, out, hosts.addresses)
    is_asked_for = bool(subject.expected_hosts) and len(strangers) < len(out)
    return Severity.ERROR if not active or too_few or is_asked_for else Severity.WARNING


def _reactivate(out: Sequence[AgentFacts], known: Known) -> str:
    call = json.dumps({"type": "REACTIVATE_AGENT", "reactivate_agent": {"agent_id": {"value": out[0].id}}})
    each = "" if len(out) == 1 else ", for each of them"
    return f"When their maintenance is over, POST {call} to {known[LEADER].http_url}/api/v1{each}."


@CHECKS.add(
    "agents-unreachable",
    "Agents that the master has not lost",
    Severity.WARNING,
    finds="the master has lost sight of agents, and their tasks with them (*TASK_LOST*, *TASK_UNREACHABLE*)",
    remedy="Start these agents again, or mend the network between them and the master. Those that will never "
    "come back an operator marks as gone (the call `MARK_AGENT_GONE`).",
    reads_tasks=True,
)
def _unreachable(known: Known) -> Verdict:
    state = known[COMPLETE]
    if not state.unreachable:
        return Verdict("none is unreachable")
    problem = Problem(
        Severity.WARNING,
        f"The master has lost sight of {counted(state.unreachable)}, and of what ran there",
        "Start these agents again, or mend their way to the master, whose log names them (unreachable). "
        "Those that never come back are to be marked as gone: the call MARK_AGENT_GONE to "
        f"{known[LEADER].http_url}/api/v1.",
    )
    return Verdict(f"{state.unreachable} unreachable", (problem,))


@CHECKS.add(
    "agents-recovering",
    "Agents back after a change of masters",
    Severity.WARNING,
    finds="agents that the former leading master knew have not come back to the new one yet",
    remedy="Wait; those that do not come back within `--agent_reregister_timeout` (10 minutes) count as "
    "unreachable. Restart these agents if they run and do not find the new master.",
)
def _recovering(known: Known) -> Verdict:
    recovering = known[COMPLETE].recovering
    if not recovering:
        return Verdict("none has still to come back")
    have = "has" if len(recovering) == 1 else "have"
    problem = Problem(
        Severity.WARNING,
        f"{counted(len(recovering))} {have} not come back to the new leading master yet: "
        f"{some_names(recovering)}",
        "Wait for them. If they do not come back, restart them, and see in their logs what keeps them from "
        f"the master at {known[LEADER].address}.",
        details=lines(recovering),
    )
    return Verdict(f"{len(recovering)} still to come back", (problem,))


@CHECKS.add(
    "agents-names",
    "Host names of agents",
    Severity.WARNING,
    finds="names that agents go by cannot be resolved here, or are loopback: executors listen at them, and "
    "end at once where they are unknown (*UnknownHostException*); after two such failures Spark takes no "
    "more offers of the agent; a note in cluster mode, where the driver need not know what this machine does",
    remedy="Put the names into DNS or the hosts files of all machines, or start agents with "
    "`--hostname=ADDRESS`.",
)
def _names(known: Known) -> Verdict:
    known[REGISTERED]
    if known.subject.configuration.get("spark.mesos.network.name"):
        return not_applicable(
            "executors get names of their own from their network (spark.mesos.network.name)"
        )
    facts = known[CLUSTER_FACTS]
    names = names_of(facts)
    if not names:
        return Verdict("all that take part go by addresses")
    return judge_lookups(facts, known[AGENT_NAMES], len(names), cluster_mode=wants_cluster_mode(known))


def judge_lookups(
    facts: ClusterFacts, lookups: Mapping[str, Lookup], names: int, *, cluster_mode: bool
) -> Verdict:
    """What the resolver has said in time of agents' names, of which there are so many.

    In cluster mode the driver runs on an agent, which may know more names: there it is worth a note.
    """
    asked = min(names, MOST_NAMES)
    sample = f" (of {names} in all)" if names > asked else ""
    known_names = sum(bool(lookup.addresses) for lookup in lookups.values())
    seen = f"{part_of(known_names, asked, 'name')} resolved{sample}"
    if len(lookups) < asked:
        seen += f"; no answer in time for {asked - len(lookups)}"
    severity = Severity.NOTE if cluster_mode else Severity.WARNING
    if not lookups:
        message = f"Looking up the names of agents ({asked}) has had no answer in time"
        hint = "See that the name servers of this machine answer (/etc/resolv.conf)."
        return Verdict(seen, (Problem(severity, message, hint),))
    found = judge_names(facts, lookups, len(lookups), this_machine())
    return Verdict(seen, tuple(replace(problem_of(one), severity=severity) for one in found))


@CHECKS.add(
    "agents-reachable",
    "Agents reachable from here",
    Severity.WARNING,
    finds="agents do not answer over HTTP from here, so that logs and sandboxes cannot be read, and most "
    "likely executors cannot be reached by the driver either; a note in cluster mode",
    remedy="Let this machine connect to the port of the agents (5051): firewalls, networks, an address of "
    "the agent that only its own network knows (`--ip`, `--advertise_ip`). One that takes connections and "
    "does not answer hangs: see its log, and restart it.",
)
def _reachable(known: Known) -> Verdict:
    return judge_reached(known[REACHED], cluster_mode=wants_cluster_mode(known))


def judge_reached(reached: Reached, *, cluster_mode: bool) -> Verdict:
    """Whether all agents that were asked have answered.

    In cluster mode the driver runs on an agent: what this machine cannot reach is worth a note.
    """
    asked = reached.asked
    if not asked:
        return not_applicable("no agent takes part")
    sample = f" (of {reached.of} in all)" if reached.of > len(asked) else ""
    silent = [agent for agent in asked if agent.id in reached.failures]
    seen = f"{part_of(len(asked) - len(silent), len(asked))} answered{sample}"
    if not silent:
        return Verdict(seen)
    failures = [reached.failures[agent.id] for agent in silent]
    problem = Problem(
        Severity.NOTE if cluster_mode else Severity.WARNING,
        f"{_sentence(part_of(len(silent), len(asked)))}{sample} cannot be asked from here: "
        f"{some_agents(silent)}; {failures[0].message}",
        _for_the_silent(failures),
        details=lines([f"{name_of(agent)}: {reached.failures[agent.id].message}" for agent in silent]),
    )
    return Verdict(seen, (problem,))


def _for_the_silent(failures: Sequence[SparkMesosError]) -> str:
    """What to do about agents that have not answered: one that hangs is not at a wrong address."""
    hanging = [one.hint for one in failures if HANGS in one.message]
    others = [one.hint for one in failures if HANGS not in one.message]
    address = "Agents have to be reachable at the address that they tell the master (--ip, --advertise_ip)"
    hints = [*others[:1], *([address] if others else []), *hanging[:1]]
    return " ".join(f"{hint.removesuffix('.')}." for hint in hints if hint)


@CHECKS.add(
    "agents-versions",
    "Versions of the agents",
    Severity.ERROR,
    finds="agents too old for something that is configured (images of Docker, secrets, GPUs, the fetcher's "
    "cache, networks), or of several versions; an error if no agent is new enough",
    remedy="Upgrade the agents, masters first, or leave out what they do not know.",
)
def _versions(known: Known) -> Verdict:
    agents = [agent.facts for agent in known[REGISTERED].agents]
    requirements = known[REQUIREMENTS]
    return judge_versions(agents, known[DIVISION].meeting, requirements)


def judge_versions(
    agents: Sequence[AgentFacts], meeting: Sequence[AgentFacts], requirements: Sequence[Requirement]
) -> Verdict:
    """Whether those that meet the constraints are new enough for what is asked of them.

    It is a note if the agents are of several versions.
    """
    versions = Counter(agent.version or "unknown" for agent in agents)
    told = ", ".join(f"{version} ({number})" for version, number in versions.most_common(5))
    seen = f"Mesos {next(iter(versions))}" if len(versions) == 1 else f"Mesos {told}"
    problems = []
    for one in requirements:
        if old := too_old(meeting, one):
            problems.append(
                Problem(
                    Severity.ERROR if len(old) == len(meeting) else Severity.WARNING,
                    f"{_sentence(one.what)} needs Mesos {one.text} or newer, and "
                    f"{part_of(len(old), len(meeting))} {_are(old)} older: {some_agents(old)}",
                    f"Upgrade {'this agent' if len(old) == 1 else 'these agents'}, or unset {one.key}.",
                    one.key,
                    details=lines([f"{name_of(agent)}: Mesos {agent.version}" for agent in old]),
                )
            )
    if len(versions) > 1 and not problems:
        problems.append(
            Problem(
                Severity.NOTE,
                f"The agents run {len(versions)} versions of Mesos: {told}",
                "That is fine while a cluster is upgraded.",
            )
        )
    return Verdict(seen, tuple(problems))


def _part(out: Sequence[AgentFacts], known: Known) -> str:
    return _sentence(part_of(len(out), len(known[REGISTERED].agents)))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _are(those: Sequence[object]) -> str:
    return "is" if len(those) == 1 else "are"


def _listed(agents: Sequence[AgentFacts]) -> tuple[str, ...]:
    return lines([name_of(agent) for agent in agents])
