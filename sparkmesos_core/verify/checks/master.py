"""Checks of who leads, and of the masters that wait to follow."""

from __future__ import annotations

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.master import HostPort, MesosMaster, ZooKeeperMaster
from sparkmesos_core.mesos.http import HANGS
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.preflight.name_lookup import look_up
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict
from sparkmesos_core.verify.facts.master import FLAGS, LEADER, quorum_of
from sparkmesos_core.verify.facts.master_answers import ANNOUNCED, OTHERS, OtherMaster
from sparkmesos_core.verify.facts.zookeeper import zookeeper_of
from sparkmesos_core.verify.known import Known

CHECKS = Checks(Group.MASTER)


@CHECKS.add(
    "master-url",
    "URL of the master",
    Severity.ERROR,
    finds="a `--master` that names something else than a Mesos master: an agent (5051), ZooKeeper without"
    " `zk://` (2181), a dispatcher (7077) or a web page of Spark",
    remedy="Name the masters, `mesos://HOST:5050`, or their ZooKeeper, `mesos://zk://HOST:2181/mesos`.",
)
def check_url(known: Known) -> Verdict:
    """What the URL names; if it is no master, the search for the leader has found that out."""
    if zookeeper_of(known) is None:
        known[LEADER]
    return Verdict(str(known.subject.master))


@CHECKS.add(
    "master-leader",
    "Leading master",
    Severity.ERROR,
    finds="that no master can be reached, that none leads, or that the one which ZooKeeper names is gone;"
    " Spark's driver stands still while it makes its SparkContext, and libmesos says nothing",
    remedy="Start the masters, correct host and port, and open the way there. One that takes connections and"
    " does not answer hangs: see its log, and restart it. After the end of a leader the next one follows when"
    " its session at ZooKeeper has ended, 10 s later by default.",
)
def check_leader(known: Known) -> Verdict:
    """Whether somebody leads and answers."""
    leader = known[LEADER]
    name = f" ({leader.hostname})" if leader.hostname not in ("", leader.address.host) else ""
    return Verdict(f"{leader.http_url}{name}")


@CHECKS.add(
    "master-name",
    "Name that the leading master gives itself",
    Severity.WARNING,
    finds="a master whose own name cannot be resolved here, or is that of loopback, while the URL does not"
    " name all masters: the other ones redirect there, and so do links of web pages",
    remedy="Name all masters, or their ZooKeeper, in `--master`, so that nobody has to be redirected; or"
    " start the master with a `--hostname` that everybody can resolve.",
)
def check_name(known: Known) -> Verdict:
    """Whether others who are sent to the leader will find it."""
    announced = known[ANNOUNCED]
    if announced is None:
        return Verdict("it does not say where it is")
    host = announced.address.host
    found = look_up([host], known.deadline()).get(host)
    resolved = found is None or bool(found.addresses) or not found.lasting
    return judge_name(
        known[LEADER],
        announced.address,
        resolved=resolved,
        redirected=needs_redirects(known.subject.master, quorum_of(known[FLAGS])),
    )


def needs_redirects(master: MesosMaster | ZooKeeperMaster, quorum: int | None) -> bool:
    """Whether a URL names fewer masters than such a quorum is for: one that leads later may be none of them.

    Through ZooKeeper the leader is found by its address, whatever its name.
    """
    return isinstance(master, MesosMaster) and quorum is not None and len(master.hosts) < 2 * quorum - 1


def judge_name(leader: Leader, announced: HostPort, *, resolved: bool, redirected: bool) -> Verdict:
    """What is to be said about the address in its `/redirect`.

    `resolved` is whether it is known here, `redirected` whether applications rely on it: else it only matters
    to people who open the pages of the other masters, and a private network may want it so.
    """
    if not resolved:
        message = f"The leading master calls itself {announced.host}, which cannot be resolved here"
    elif is_loopback(announced.host) and not is_loopback(leader.address.host):
        message = (
            f"The leading master at {leader.address} calls itself {announced.host}, which is another machine"
            " for everybody else"
        )
    else:
        return Verdict(f"it calls itself {announced}")
    mended = "start the master with a --hostname that others can resolve"
    if not redirected:
        hint = f"Spark does without it; for links of web pages {mended}."
        return Verdict(message, (Problem(Severity.NOTE, message, hint),))
    hint = (
        "Name all masters in --master, or their ZooKeeper: those that are named now send people to that name"
        f" when another one leads. Or {mended}."
    )
    return Verdict(message, (Problem(Severity.WARNING, message, hint),))


@CHECKS.add(
    "master-others",
    "Masters that do not lead",
    Severity.ERROR,
    finds="masters that are dead, so that nobody would follow the leader; and masters that take another"
    " one, or themselves, for the leader: then applications end up in different clusters",
    remedy="Start the masters that are named; start all with the same `--zk`, and take what does not belong"
    " to them out of the URL.",
)
def check_others(known: Known) -> Verdict:
    """Whether the other masters follow the leader."""
    return judge_others(known[LEADER], known[OTHERS], by_zookeeper=zookeeper_of(known) is not None)


def judge_others(leader: Leader, others: tuple[OtherMaster, ...], *, by_zookeeper: bool) -> Verdict:
    """What is to be said about masters that should follow the leader."""
    problems = []
    for other in others:
        if other.trouble:
            message = f"The master at {other.address} {other.trouble}"
            hint = "It hangs: see its log, and restart it" if HANGS in other.trouble else "Start it again"
            hint += (
                "; its node in ZooKeeper goes when its session ends."
                if by_zookeeper
                else (f", or take {other.address} out of the URL.")
            )
            problems.append(Problem(Severity.WARNING, message, hint))
        elif not other.follows:
            itself = other.leader == other.address
            whom = "itself" if itself else str(other.leader)
            message = f"The master at {other.address} takes {whom} for the leader, not {leader.address}"
            hint = (
                f"Masters of one cluster are started with the same --zk. If {other.address} is of another"
                " cluster, take it out of the URL"
            )
            hint += "; if it has just lost its lead, look again in a moment."
            problems.append(Problem(Severity.ERROR, message, hint))
    following = [other for other in others if other.follows]
    if not others:
        return Verdict("no other masters are known")
    return Verdict(f"{len(following)} of {len(others)} follow {leader.address}", tuple(problems))
