"""Checks of the ZooKeeper through which the masters elect their leader, and find each other."""

from __future__ import annotations

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.facts.zookeeper import (
    MEMBERS,
    QUORUM,
    SERVING,
    SESSION,
    listed,
    zookeeper_of,
)
from sparkmesos_core.verify.known import Known
from sparkmesos_core.zookeeper_status import ServerStatus

CHECKS = Checks(Group.MASTER)

_MOST_LATENCY = 500.0
"""Milliseconds, on average: a twentieth of the session that Mesos asks for."""
_MOST_OUTSTANDING = 1000
"""From there on ZooKeeper slows its clients down (`globalOutstandingLimit`)."""
_NO_ZOOKEEPER = "the URL names masters, and no ZooKeeper"


@CHECKS.add(
    "zookeeper-servers",
    "ZooKeeper servers of the URL",
    Severity.ERROR,
    finds="servers of a `zk://` URL that do not answer, or are overloaded; libmesos logs *server refused to"
    " accept the client*, or nothing, and the driver waits for ever",
    remedy="Start the servers that are named, or correct their hosts and ports in the URL. More than half"
    " of an ensemble has to run.",
)
def check_servers(known: Known) -> Verdict:
    """Each server, by its own word."""
    if zookeeper_of(known) is None:
        return not_applicable(_NO_ZOOKEEPER)
    return judge_servers(known[SERVING])


def judge_servers(servers: tuple[ServerStatus, ...]) -> Verdict:
    """What is to be said about them, where there are enough for ZooKeeper to serve."""
    problems = []
    for status in servers:
        if status.trouble:
            message = f"The ZooKeeper server {status.server} {status.trouble}"
            hint = (
                f"Start it, or correct {status.server} in the URL; until then every failure of another"
                " server may end the ensemble's majority."
            )
            problems.append(Problem(Severity.WARNING, message, hint))
        elif status.serves is False and any(other.serves for other in servers):
            message = (
                f"The ZooKeeper server {status.server} runs, but takes no requests: it has lost its ensemble"
            )
            hint = (
                "Look at its log: it has to reach the others on the ports of their server.N lines (2888 and"
                " 3888)."
            )
            problems.append(Problem(Severity.WARNING, message, hint))
        elif reason := _overload(status):
            message = f"The ZooKeeper server {status.server} is slow: {reason}"
            hint = (
                "Give it a disk of its own for its transaction log (dataLogDir), and look for who loads it."
            )
            problems.append(Problem(Severity.WARNING, message, hint))
    alive = [status for status in servers if not status.trouble]
    return Verdict("; ".join(map(_told, alive)) or "none answers", tuple(problems))


def _overload(status: ServerStatus) -> str:
    if status.average_latency > _MOST_LATENCY:
        return f"its requests take {status.average_latency:.0f} ms on average"
    if status.outstanding > _MOST_OUTSTANDING:
        return f"{status.outstanding} requests wait"
    return ""


def _told(status: ServerStatus) -> str:
    version = f" {status.version}" if status.version else ""
    mode = f" ({status.mode})" if status.mode else ""
    return f"ZooKeeper{version} at {status.server}{mode}"


@CHECKS.add(
    "zookeeper-quorum",
    "Leader of the ZooKeeper ensemble",
    Severity.ERROR,
    finds="servers that run without having elected a leader (*This ZooKeeper instance is not currently"
    " serving requests*), and URLs that mix servers of several ensembles",
    remedy="Start the missing servers and let all reach each other on their election ports; name only"
    " servers of one ensemble in the URL.",
)
def check_quorum(known: Known) -> Verdict:
    """Whether the servers are one ensemble with one leader."""
    if zookeeper_of(known) is None:
        return not_applicable(_NO_ZOOKEEPER)
    return judge_quorum(known[QUORUM])


def judge_quorum(servers: tuple[ServerStatus, ...]) -> Verdict:
    """What is to be said about servers that serve."""
    distinct: dict[str, ServerStatus] = {}
    for status in servers:
        distinct.setdefault(status.peer or str(status.server), status)
    servers = tuple(distinct.values())
    leaders = [status for status in servers if status.mode == "leader"]
    alone = [status for status in servers if status.mode == "standalone"]
    members = [status for status in servers if status.mode in ("leader", "follower", "observer")]
    apart = ""
    if len(alone) > 1 or (alone and members):
        apart = f"{listed(alone)} stand{'s' if len(alone) == 1 else ''} alone"
    elif len(leaders) > 1:
        apart = f"{listed(leaders)} each lead an ensemble"
    if apart:
        message = f"The ZooKeeper servers of the URL are not one ensemble: {apart}"
        hint = (
            "Name servers of one ensemble only, that of the masters' --zk; or give all the same server.N"
            " lines in zoo.cfg and restart them."
        )
        return Verdict(message, (Problem(Severity.ERROR, message, hint),))
    if leaders:
        followers = [status for status in members if status.mode == "follower"]
        return Verdict(f"{leaders[0].server} leads, {len(followers)} of those named follow")
    if alone:
        return Verdict(f"{alone[0].server} stands alone")
    if members:
        return Verdict(f"the leader is none of those named; {listed(members)} follow it")
    return Verdict("the servers do not tell who leads them (4lw.commands.whitelist)")


@CHECKS.add(
    "zookeeper-session",
    "Session at ZooKeeper",
    Severity.ERROR,
    finds="a ZooKeeper that answers, but gives no session: too many connections from this host, a firewall"
    " that cuts them, authentication that is required",
    remedy="Look at the servers' logs for this host's address: `maxClientCnxns` limits its connections, and"
    " SASL or TLS may be required, which Mesos does not speak.",
)
def check_session(known: Known) -> Verdict:
    """Whether a session can be had."""
    master = zookeeper_of(known)
    if master is None:
        return not_applicable(_NO_ZOOKEEPER)
    session = known[SESSION]
    who = f" as {master.credential.user}" if master.credential is not None else ""
    return Verdict(f"a session{who} of {session.granted:g} s was granted")


@CHECKS.add(
    "zookeeper-path",
    "Masters registered in ZooKeeper",
    Severity.ERROR,
    finds="a path of the `zk://` URL that does not exist, may not be read, or holds no masters; libmesos"
    " may say *Trying to create path*, and then the driver waits for ever without a word",
    remedy="Write the path of the masters' `--zk` into the URL, with `USER:PASSWORD@` in front of the servers"
    " if they have that, and start the masters.",
)
def check_path(known: Known) -> Verdict:
    """Whether masters are registered where the URL says."""
    master = zookeeper_of(known)
    if master is None:
        return not_applicable(_NO_ZOOKEEPER)
    members = known[MEMBERS]
    count = 1 + len(members.others) + len(members.unreadable)
    problems = []
    if members.unreadable:
        named = ", ".join(members.unreadable)
        message = f"{master.path} has nodes of masters that are not understood: {named}"
        hint = "They are of Mesos 0.23 or older, or of something else: upgrade or stop what registers them."
        problems.append(Problem(Severity.WARNING, message, hint))
    leader = members.leader
    return Verdict(
        f"{count} master{'s' if count > 1 else ''} under {master.path}, led by"
        f" {leader.hostname or leader.address}",
        tuple(problems),
    )
