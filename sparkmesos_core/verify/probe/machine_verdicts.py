"""Whether agents have room, and find and reach the driver. Pure functions of a probe's result."""

from __future__ import annotations

from collections.abc import Sequence

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.check import Verdict
from sparkmesos_core.verify.probe.grouped_verdict import Judged, Wrong, counted, verdict_of
from sparkmesos_core.verify.probe.result import ProbeResult, TriedAgent
from sparkmesos_core.verify.probe.stages import has_asked_name, started, with_name

_LITTLE_DISK, _NO_DISK = 1 << 20, 64 << 10
"""KiB."""


def judge_disk(result: ProbeResult) -> Verdict:
    """Whether there is room in sandboxes."""

    def judged() -> Judged:
        for agent in started(result):
            said = agent.report.lines("disk.says") if agent.report is not None else ()
            if agent.said("disk.write") == "failed":
                yield agent, Wrong("nothing can be written to the sandbox", _ROOM), said
                continue
            kib = _kib(agent)
            if kib is None or kib >= _LITTLE_DISK:
                yield agent, None, ()
            else:
                severity = Severity.ERROR if kib < _NO_DISK else Severity.WARNING
                what = "less than 64 MiB are" if kib < _NO_DISK else "less than 1 GiB is"
                detail = f"{agent.name}: {kib // 1024} MiB"
                yield agent, Wrong(f"{what} free for sandboxes", _ROOM, severity=severity), (detail,)

    sizes = [kib for agent in started(result) if (kib := _kib(agent)) is not None]
    least = f"at least {min(sizes) // 1024} MiB free" if sizes else "sandboxes can be written"
    return verdict_of(lambda good: f"{least} on {counted(good)}", judged())


_ROOM = (
    "Make room where the agent's --work_dir is (shuffles of Spark go there, too), or move it to a larger "
    "disk; --gc_delay makes the agent remove old sandboxes sooner."
)


def _kib(agent: TriedAgent) -> int | None:
    text = agent.said("disk.kib")
    return int(text) if text.isdigit() else None


def judge_driver_name(result: ProbeResult) -> Verdict:
    """Whether agents know the name by which executors look for the driver."""
    plan = result.plan
    wrong = Wrong(
        f"the name of the driver's host, {plan.driver_place}, is unknown: executors end with "
        "UnknownHostException",
        "Put it into the DNS or the hosts files of agents, or set spark.driver.host to an address of this "
        "machine that they reach.",
        "spark.driver.host",
    )
    agents = [agent for agent in started(result) if has_asked_name(agent)]
    addresses = sorted({agent.said("name") for agent in agents} - {""})
    return verdict_of(
        lambda good: f"{plan.host} is {', '.join(addresses[:3]) or 'unknown'} on {counted(good)}",
        ((agent, None if agent.said("name") else wrong, ()) for agent in agents),
    )


def judge_driver_port(result: ProbeResult) -> Verdict:
    """Whether executors could connect to the driver."""
    return _judge_port(result, "driver", with_name(result))


def judge_block_manager_port(result: ProbeResult) -> Verdict:
    """Whether executors could connect to the driver's block manager, where they reach the driver at all."""
    agents = [agent for agent in with_name(result) if agent.said("driver") == "reached"]
    return _judge_port(result, "block-manager", agents)


_SERVERS = {
    "driver": ("the driver", "spark.driver.port"),
    "block-manager": ("the driver's block manager", "spark.driver.blockManager.port"),
}
_REASONS = {
    "refused": "the connection is refused",
    "silent": "there is no answer, as when a firewall drops what it does not let through",
    "other": "something else answers there",
    "failed": "there is no way there",
}


def _judge_port(result: ProbeResult, name: str, agents: Sequence[TriedAgent]) -> Verdict:
    plan = result.plan
    server, key = _SERVERS[name]
    port = plan.driver_port if name == "driver" else plan.block_manager_port

    tried = [agent for agent in agents if agent.said(name)]
    if agents and not tried:
        return Verdict("it could not be tried: there is no bash on agents", applies=False)

    def judged() -> Judged:
        for agent in tried:
            said = agent.said(name)
            if said == "reached":
                yield agent, None, ()
                continue
            why = _REASONS.get(said, said)
            what = f"executors cannot connect to {server} at {plan.driver_place}, port {port}: {why}"
            yield (
                agent,
                Wrong(what, _port_hint(plan.driver_place, key), key),
                agent.report.lines(f"{name}.says") if agent.report else (),
            )

    return verdict_of(
        lambda good: f"{plan.driver_place}, port {port}, is reached from {counted(good)}", judged()
    )


def _port_hint(host: str, key: str) -> str:
    return (
        f"Open the firewall between agents and {host} for it: fix {key} to a port that agents may connect "
        "to. If agents reach this machine by another address, set spark.driver.host to it."
    )
