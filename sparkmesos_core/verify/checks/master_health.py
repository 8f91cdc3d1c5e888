"""Checks of how the leading master is: its registry, its elections, its queues and its clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.facts.master import FLAGS, LEADER, quorum_of
from sparkmesos_core.verify.facts.master_answers import (
    HEALTH,
    METRICS,
    METRICS_LATER,
    SCHEDULER_API,
    TIMES,
    Health,
    MasterTimes,
)
from sparkmesos_core.verify.facts.zookeeper import MEMBERS, zookeeper_of
from sparkmesos_core.verify.known import Known

CHECKS = Checks(Group.MASTER)

_MOST_SKEW = 5.0
"""Seconds. Kerberos bears 300, signatures of S3 900; logs cannot be compared from a few seconds on."""
_LONG_STORE = 5000.0
"""Milliseconds to store the registry. After --registry_store_timeout, 20 s, the master gives up and ends."""
_LONG_QUEUE = 1000
_MOST_DROPPED = 100
"""Since the master has started: up to there nobody asks whether it goes on."""
_MANY_DROPPED = 10
"""In a moment."""
_DROPPED_SHARE = 0.01
_YOUNG = 60.0
_LONG_AGO = 24 * 3600.0
_RECENT = 120.0
_NO_METRICS = "the master's ACLs keep its metrics from us (403 Forbidden)"


@CHECKS.add(
    "master-health",
    "Health of the leading master",
    Severity.ERROR,
    finds="a master that does not answer `/health` with 200, as one does that is stuck",
    remedy="Look at the master's log and its machine's load; if it hangs, restart it: a standby master"
    " takes over, and tasks go on running.",
)
def check_health(known: Known) -> Verdict:
    """Whether it says that it is well."""
    health = known[HEALTH]
    seen = f"/health answers {health.said}"
    if health.status == 200:
        return Verdict(seen)
    message = f"{known[LEADER].http_url}/health answers {health.said}"
    hint = "Look at the master's log; if it hangs, restart it. If a proxy answers, name the master itself."
    return Verdict(seen, (Problem(Severity.ERROR, message, hint),))


@CHECKS.add(
    "master-clock",
    "Clock of the leading master",
    Severity.WARNING,
    finds="a clock that differs from that of this machine by more than 5 s: Kerberos, tokens and signed"
    " requests are refused, and times in logs mislead",
    remedy="Let all machines take their time from NTP (chrony or systemd-timesyncd).",
)
def check_clock(known: Known) -> Verdict:
    """Whether it tells the same time as this machine."""
    return judge_clock(known[HEALTH])


def judge_clock(health: Health) -> Verdict:
    """What is to be said about the time in an answer's Date, which is in whole seconds."""
    if health.date is None:
        return not_applicable("the master does not tell its time")
    difference, uncertainty = skew(health.date, health.asked_at, health.answered_at)
    if abs(difference) - uncertainty <= _MOST_SKEW:
        return Verdict(f"it differs by less than {abs(difference) + uncertainty:.0f} s from this machine's")
    way = "ahead of" if difference > 0 else "behind"
    seen = f"the master's clock is {abs(difference):.0f} s (± {uncertainty:.0f} s) {way} this machine's"
    hint = (
        "Let both machines take their time from NTP: `timedatectl` or `chronyc tracking` shows which is"
        " wrong."
    )
    return Verdict(seen, (Problem(Severity.WARNING, seen[0].upper() + seen[1:], hint),))


def skew(date: datetime, asked_at: float, answered_at: float) -> tuple[float, float]:
    """By how many seconds a clock is ahead of this machine's, and by how many that may be wrong.

    The answer was written at some time between question and answer, and its seconds are cut.
    """
    difference = date.timestamp() + 0.5 - (asked_at + answered_at) / 2
    return difference, 0.5 + max(answered_at - asked_at, 0.0) / 2


@CHECKS.add(
    "master-recovery",
    "Registry of the leading master",
    Severity.ERROR,
    finds="a leader that has not finished its recovery (*Master has not finished recovery*), whose registry"
    " is not recovered, or takes long to store: then no agent can register",
    remedy="Wait a moment after an election. If it stays so, start the missing masters: more than half of"
    " them keep the registry; and look at the disk of `--work_dir`.",
)
def check_recovery(known: Known) -> Verdict:
    """Whether it can read and write the list of its agents."""
    known[SCHEDULER_API]
    metrics = known[METRICS]
    return judge_registry(metrics) if metrics else not_applicable(_NO_METRICS)


def judge_registry(metrics: Mapping[str, float]) -> Verdict:
    """What is to be said about the registrar, by its metrics."""
    problems = []
    if metrics.get("registrar/log/recovered", 1) == 0:
        problems.append(
            Problem(
                Severity.ERROR,
                "The replicated log of the leading master is not recovered: it cannot admit agents",
                "Start the missing masters: as many as --quorum says have to run and reach each other.",
            )
        )
    stored = metrics.get("registrar/state_store_ms", 0.0)
    waiting = metrics.get("registrar/queued_operations", 0.0)
    if stored > _LONG_STORE:
        problems.append(
            Problem(
                # Where agents neither come nor go, that was long ago.
                Severity.WARNING if waiting else Severity.NOTE,
                f"The last time, storing the registry took {stored / 1000:.1f} s; after"
                " --registry_store_timeout (20 s) the master ends itself",
                "Look at disk and network of the masters: each entry is synced to the disks of a majority.",
            )
        )
    if waiting > _LONG_QUEUE:
        problems.append(
            Problem(
                Severity.WARNING,
                f"{waiting:.0f} changes of the registry wait to be stored",
                "Look at disk and network of the masters; many agents that register at once also do this"
                " for a while.",
            )
        )
    removed = metrics.get("master/recovery_slave_removals", 0.0)
    if removed and metrics.get("master/uptime_secs", 0.0) < _LONG_AGO:  # it counts until the master ends
        problems.append(
            Problem(
                Severity.NOTE,
                f"{removed:.0f} agents of the former leader did not come back in time after the last"
                " election",
                "Start them again if they are missing.",
            )
        )
    size = metrics.get("registrar/registry_size_bytes")
    return Verdict(
        "the registry is recovered" + (f", {size:.0f} bytes" if size is not None else ""), tuple(problems)
    )


@CHECKS.add(
    "master-quorum",
    "Masters for the registry's quorum",
    Severity.ERROR,
    finds="fewer masters than `--quorum` says, so that the leader can store nothing and ends itself, and a"
    " `--quorum` that is no majority, so that two leaders could write",
    remedy="Run an odd number of masters, and start each with the same `--quorum`: 2 of 3, 3 of 5.",
)
def check_quorum(known: Known) -> Verdict:
    """Whether as many masters run as the registry needs."""
    if zookeeper_of(known) is None:
        return not_applicable("the URL does not tell how many masters there are")
    quorum, members = quorum_of(known[FLAGS]), known[MEMBERS]
    if quorum is None:
        return not_applicable("the master keeps its registry without a quorum, or does not tell")
    return judge_quorum(quorum, 1 + len(members.others) + len(members.unreadable))


def judge_quorum(quorum: int, masters: int) -> Verdict:
    """What is to be said about so many masters with this --quorum."""
    seen = f"{masters} master{'s' if masters > 1 else ''} with a quorum of {quorum}"
    if masters < quorum:
        message = f"There {'are' if masters > 1 else 'is'} {seen}: the leader cannot store its registry"
        hint = (
            f"Start {quorum - masters} more, with the same --zk and --quorum; or restart them all with"
            f" --quorum={masters // 2 + 1}, if there are to be no more."
        )
        return Verdict(seen, (Problem(Severity.ERROR, message, hint),))
    if quorum * 2 <= masters:
        message = f"There are {seen}, which is no majority: two halves could each have a leader that writes"
        return Verdict(
            seen,
            (
                Problem(
                    Severity.WARNING,
                    message,
                    f"Restart the masters one by one with --quorum={masters // 2 + 1}.",
                ),
            ),
        )
    return Verdict(seen)


@CHECKS.add(
    "master-elections",
    "Last election of a leader",
    Severity.WARNING,
    finds="a leader that has just taken over, or has just started: agents and frameworks are still coming"
    " back, and drivers wait for offers (*Initial job has not accepted any resources*)",
    remedy="Look again after a minute or two. If leaders change often, look at ZooKeeper's latency and at"
    " the masters' logs.",
)
def check_elections(known: Known) -> Verdict:
    """Whether it has led for a while."""
    return judge_elections(known[TIMES], known[METRICS].get("master/uptime_secs"))


def judge_elections(times: MasterTimes, uptime: float | None) -> Verdict:
    """What is to be said about a master that runs for `uptime` seconds; None if it does not tell."""
    if uptime is None:
        return not_applicable("the master does not tell since when it runs")
    leads = times.started + uptime - times.elected if times.started and times.elected else None
    seen = f"it runs for {_duration(uptime)}"
    if leads is not None:
        seen += f", and leads for {_duration(leads)}"
    if leads is not None and leads < _RECENT and times.elected - times.started > _YOUNG:
        message = (
            f"The leader has changed {_duration(leads)} ago: agents and frameworks are still coming back"
        )
        hint = (
            "Look again in two minutes (or with --watch). If it happens often, look at ZooKeeper's latency"
            " and the former leader's log."
        )
        return Verdict(seen, (Problem(Severity.WARNING, message, hint),))
    if uptime < _YOUNG:
        message = f"The master has started {_duration(uptime)} ago: agents may still be missing"
        hint = "Look again in a minute if they are; --wait-for-agents N waits for them."
        return Verdict(seen, (Problem(Severity.NOTE, message, hint),))
    return Verdict(seen)


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


@CHECKS.add(
    "master-messages",
    "Messages that the leading master handles",
    Severity.WARNING,
    finds="messages that the master drops, and queues that grow: an overloaded master answers late, and"
    " agents and frameworks seem to be gone",
    remedy="Give the master more cpu, poll its `/state` less often (monitoring is the usual cause), and look"
    " at its log for who sends what it drops.",
)
def check_messages(known: Known) -> Verdict:
    """Whether it keeps up with what it is told."""
    metrics = known[METRICS]
    if not metrics:
        return not_applicable(_NO_METRICS)
    traffic = traffic_of(metrics)
    if traffic.dropped <= _MOST_DROPPED and not traffic.queues:
        return Verdict(traffic.text)
    return judge_traffic(traffic, traffic_of(known[METRICS_LATER]))


@dataclass(frozen=True)
class Traffic:
    """What metrics say of messages."""

    received: float
    dropped: float
    """Both since the master has started."""
    queues: Mapping[str, float]
    """Those that are long, by what waits in them."""

    @property
    def text(self) -> str:
        """In a line."""
        return f"{self.received:.0f} messages taken, {self.dropped:.0f} dropped since the master has started"


def traffic_of(metrics: Mapping[str, float]) -> Traffic:
    """What they say."""
    return Traffic(
        sum(value for name, value in metrics.items() if name.startswith("master/messages_")),
        metrics.get("master/dropped_messages", 0.0),
        {
            name.removeprefix("master/event_queue_").replace("_", " "): value
            for name, value in sorted(metrics.items())
            if name.startswith("master/event_queue_") and value > _LONG_QUEUE
        },
    )


def judge_traffic(before: Traffic, now: Traffic) -> Verdict:
    """What is to be said about messages, by two readings, METRICS_PAUSE after another.

    What a master has dropped in the months that it has run, such as after an election, is no trouble, nor is
    a queue that it soon has done with.
    """
    problems = []
    dropped, received = now.dropped - before.dropped, now.received - before.received
    if dropped >= _MANY_DROPPED and dropped > _DROPPED_SHARE * received:
        problems.append(
            Problem(
                Severity.WARNING,
                f"The leading master drops messages: {dropped:.0f} in a second, while it took {received:.0f}",
                "Its log says 'Dropping …' with the sender: most often frameworks or agents that it has"
                " removed and that do not know it; restart those.",
            )
        )
    queues = {name: value for name, value in now.queues.items() if name in before.queues}
    if queues:
        told = ", ".join(f"{value:.0f} {name}" for name, value in queues.items())
        problems.append(
            Problem(
                Severity.WARNING,
                f"The leading master does not keep up: {told} wait in its queue",
                "Give its machine more cpu, and poll its /state less often: use /metrics/snapshot, /slaves"
                " or /state-summary instead.",
            )
        )
    return Verdict(now.text, tuple(problems))
