"""Checks of the dispatcher, which takes drivers for cluster mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.dispatcher.messages import DriverStatus
from sparkmesos_core.dispatcher.readiness import Readiness
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.quoting import quoted
from sparkmesos_core.submit.sparks_dispatcher import without_drivers
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.facts.cluster import STATE
from sparkmesos_core.verify.facts.dispatcher import (
    DISPATCHER,
    DISPATCHER_ANSWER,
    READINESS,
    WAITING_DRIVERS,
    NoDispatcherError,
    known_dispatchers,
    wants_cluster_mode,
)
from sparkmesos_core.verify.facts.master import LEADER
from sparkmesos_core.verify.known import Known, UnknownFactError

CHECKS = Checks(Group.SERVICES)

_NONE = "no dispatcher was named, and none is found through Mesos"
_OURS = "Stop it, and start ours in its place: `sparkmesos start-dispatcher --master MASTER`."
_MOST_NAMED = 5


@CHECKS.add(
    "dispatcher-found",
    "A dispatcher, for cluster mode",
    Severity.ERROR,
    finds="cluster mode is configured (`spark.submit.deployMode=cluster`), but no dispatcher is registered "
    "at Mesos, or Mesos has lost each that it knows, and none was named with `--dispatcher`",
    remedy="Start one, or that one again, with `sparkmesos start-dispatcher --master MASTER`, or name the "
    "one that runs with `--dispatcher mesos://HOST:7077`.",
    reads_tasks=True,
)
def _found(known: Known) -> Verdict:
    try:
        place = known[DISPATCHER]
    except UnknownFactError as unknown:
        if not isinstance(unknown.error, NoDispatcherError):
            raise
        error = unknown.error
        key = "spark.submit.deployMode"
        return Verdict(error.message, (Problem(Severity.ERROR, error.message, error.hint, key),))
    if place is not None:
        if place.asked_for:
            return Verdict(f"{place}, as it was named")
        name = place.framework.name if place.framework is not None else ""
        others = len(known_dispatchers(known[STATE].frameworks)) - 1
        more = f"; Mesos knows {others} more" if others else ""
        return Verdict(f"{place}, which Mesos knows as {quoted(name)}{more}")
    if not wants_cluster_mode(known):
        return not_applicable(_NONE)
    problem = Problem(
        Severity.NOTE,
        "Mesos knows a dispatcher, but not where: it has registered without an address of its web UI",
        "Name the address where it takes submissions with --dispatcher mesos://HOST:PORT.",
    )
    return Verdict(problem.message, (problem,))


@CHECKS.add(
    "dispatcher-reachable",
    "The dispatcher answers",
    Severity.ERROR,
    finds="the dispatcher does not answer, something else listens at its address (its web page on 8081, a "
    "Mesos master on 5050), or one of several dispatchers is not there",
    remedy="Start it, or correct its address and port (7077 is that for submissions); open the port in "
    "firewalls between here and its host.",
    reads_tasks=True,
)
def _reachable(known: Known) -> Verdict:
    place = known[DISPATCHER]
    if place is None:
        return not_applicable(_NONE)
    try:
        answer = known[DISPATCHER_ANSWER]
    except UnknownFactError as unknown:
        if unknown.fact is not DISPATCHER_ANSWER:
            raise
        return _unreachable(known, unknown.error)
    assert answer is not None  # there is a dispatcher
    problems = tuple(
        Problem(
            Severity.WARNING,
            f"{error.message}, so that one less stands by",
            error.hint or "Start it.",
        )
        for _, error in answer.silent
    )
    readiness = answer.readiness
    what = "which wants a token"
    if readiness is not None:
        what = "one of ours" if readiness.is_ours else "that of Spark"
    return Verdict(f"{place} answers, {what}", problems)


def _unreachable(known: Known, error: SparkMesosError) -> Verdict:
    place = known[DISPATCHER]
    assert place is not None  # it was asked
    if place.guessed:
        page = quoted(place.framework.webui_url) if place.framework is not None else "not known"
        return Verdict(
            f"where it takes submissions is not known (its web UI is {page})",
            (
                Problem(
                    Severity.NOTE,
                    f"Mesos knows a dispatcher with the web UI {page}, but nothing takes submissions at "
                    f"{place.dispatcher.address}",
                    "Name the address where it takes submissions with --dispatcher mesos://HOST:PORT.",
                    details=(error.message,),
                ),
            ),
        )
    severity = Severity.ERROR if place.asked_for or wants_cluster_mode(known) else Severity.WARNING
    return Verdict(error.message, (Problem(severity, error.message, error.hint or "Start it."),))


@CHECKS.add(
    "dispatcher-token",
    "The dispatcher's token",
    Severity.ERROR,
    finds="the dispatcher wants to see a token and gets none, or another one (401), or the file of "
    "`--auth-token-file` cannot be read",
    remedy="Name the file that holds the dispatcher's token with `--auth-token-file` (the same as its own "
    "`--auth-token-file`).",
    reads_tasks=True,
)
def _token(known: Known) -> Verdict:
    place = known[DISPATCHER]
    if place is None:
        return not_applicable(_NONE)
    try:
        readiness = known[READINESS]
    except UnknownFactError as unknown:
        if unknown.fact is not READINESS:
            raise
        hint = "Name the file that holds its token with --auth-token-file."
        if not place.asked_for:
            hint = f"Name it with --dispatcher {place}, and the file of its token with --auth-token-file."
        # One that Mesos knows is as it should be if it lets nobody ask: only the rest cannot be looked at.
        severity = Severity.ERROR if place.asked_for or wants_cluster_mode(known) else Severity.NOTE
        return Verdict(unknown.error.message, (Problem(severity, unknown.error.message, hint),))
    assert readiness is not None  # there is a dispatcher
    shown = place.asked_for and known.subject.auth_token_file is not None
    if shown and not readiness.is_ours:
        problem = Problem(
            Severity.WARNING,
            f"The dispatcher at {place} is Spark's own: it looks at no token, and obeys everybody",
            f"Leave out --auth-token-file. {_OURS}",
        )
        return Verdict("Spark's own dispatcher looks at no token", (problem,))
    if shown and place.dispatcher.scheme == "http" and not is_loopback(place.dispatcher.address.host):
        problem = Problem(
            Severity.NOTE,
            f"The token goes to {place} in clear, for everybody to read who is in between",
            "Start the dispatcher with a certificate, and write mesos://https://HOST:7077.",
        )
        return Verdict("the token is accepted", (problem,))
    return Verdict("the token is accepted" if shown else "it asks for no token")


@CHECKS.add(
    "dispatcher-version",
    "Version of the dispatcher",
    Severity.ERROR,
    finds="the dispatcher is Spark's own, of 3.2 or newer, whose drivers all fail at once: *Driver cores "
    "must be a positive number*",
    remedy="Use ours in its place: `sparkmesos start-dispatcher` takes the same options and properties.",
    reads_tasks=True,
)
def _version(known: Known) -> Verdict:
    place, readiness = known[DISPATCHER], known[READINESS]
    if place is None or readiness is None:
        return not_applicable(_NONE)
    spark = known.subject.client.spark
    brings_its_own = bool(known.subject.configuration.get("spark.executor.uri"))
    return judge_version(
        str(place),
        readiness,
        spark.version if spark is not None and not brings_its_own else None,
        Severity.ERROR if place.asked_for or wants_cluster_mode(known) else Severity.WARNING,
    )


def judge_version(place: str, readiness: Readiness, client: str | None, severity: Severity) -> Verdict:
    """Whether a dispatcher can run drivers.

    `client` is the version of the Spark that is here, if drivers do not get one of their own.
    """
    version = readiness.spark_version
    if not readiness.is_ours:
        seen = f"Spark's own, {version or 'of an unknown version'}"
        if defect := without_drivers(version):
            problem = Problem(
                severity, f"The dispatcher at {place} is that of Spark {version}, {defect}", _OURS
            )
            return Verdict(seen, (problem,))
        problem = Problem(
            Severity.NOTE,
            f"The dispatcher at {place} is Spark's own, which neither authenticates nor tells why drivers "
            f"wait",
            _OURS,
        )
        return Verdict(seen, (problem,))
    seen = f"sparkmesos, speaking as that of Spark {version}"
    if client is not None and version and _minor(client) != _minor(version):
        problem = Problem(
            Severity.NOTE,
            f"The Spark here is {client}, but the dispatcher's is {version}: drivers without "
            f"spark.executor.uri "
            "run in what is installed on agents",
            "Set spark.executor.uri to an archive of the Spark that the application is for.",
        )
        return Verdict(seen, (problem,))
    return Verdict(seen)


@CHECKS.add(
    "dispatcher-ready",
    "The dispatcher takes submissions",
    Severity.ERROR,
    finds="the dispatcher answers 503 to submissions: its store does not work, or none of several leads",
    remedy="Do what the message says: mend its store (disk, ZooKeeper), then it goes on by itself.",
    reads_tasks=True,
)
def _ready(known: Known) -> Verdict:
    place, readiness = known[DISPATCHER], known[READINESS]
    if place is None or readiness is None:
        return not_applicable(_NONE)
    if not readiness.is_ours:
        return not_applicable("Spark's own dispatcher does not tell")
    if readiness.ready:
        return Verdict("it takes submissions")
    severity = Severity.ERROR if place.asked_for or wants_cluster_mode(known) else Severity.WARNING
    reason = f": {readiness.reason.rstrip('.')}" if readiness.reason else ""
    problem = Problem(
        severity,
        f"The dispatcher at {place} takes no submissions at the moment{reason}",
        "Mend what it names (its store, or the ZooKeeper that dispatchers share); its log says more. It "
        "goes on by itself.",
    )
    return Verdict("it takes no submissions", (problem,))


@CHECKS.add(
    "dispatcher-subscribed",
    "The dispatcher is in touch with Mesos",
    Severity.WARNING,
    finds="the dispatcher accepts submissions, but has no subscription of Mesos: drivers stay QUEUED",
    remedy="Have it reach the master that its `--master` names, with principal and secret that the master "
    "accepts, and a role that it allows; its log and its page say what Mesos answers.",
    reads_tasks=True,
)
def _subscribed(known: Known) -> Verdict:
    place, readiness = known[DISPATCHER], known[READINESS]
    if place is None or readiness is None:
        return not_applicable(_NONE)
    if not readiness.is_ours:
        return not_applicable("Spark's own dispatcher does not tell")
    if not readiness.ready:
        return not_applicable("it is not ready: see dispatcher-ready")
    if readiness.subscribed:
        return Verdict(f"it is registered as {readiness.framework_id or 'a framework'}")
    reason = f": {readiness.reason.rstrip('.')}" if readiness.reason else ""
    problem = Problem(
        Severity.WARNING,
        f"The dispatcher at {place} has no subscription of Mesos, so that drivers wait{reason}",
        "Have it reach its master, with a principal, secret and role that the master accepts. It tries again "
        "by itself, and needs no restart unless its options have to change.",
    )
    return Verdict("it has no subscription of Mesos", (problem,))


@CHECKS.add(
    "dispatcher-cluster",
    "The dispatcher launches drivers on this cluster",
    Severity.WARNING,
    finds="the dispatcher belongs to another Mesos cluster than the one that is verified",
    remedy="Verify the cluster of the dispatcher, or start a dispatcher for this one.",
    reads_tasks=True,
)
def _cluster(known: Known) -> Verdict:
    place, readiness = known[DISPATCHER], known[READINESS]
    if place is None or readiness is None:
        return not_applicable(_NONE)
    if not place.asked_for:
        return Verdict("it is registered here")
    if not readiness.framework_id or not readiness.subscribed:
        return not_applicable("the dispatcher does not tell what it is registered as")
    leader = known[LEADER].http_url
    # ACLs may hide its framework from us; names of one master may differ.
    if urlsplit(readiness.master).netloc == urlsplit(leader).netloc or any(
        one.id == readiness.framework_id and not one.completed for one in known[STATE].frameworks
    ):
        return Verdict("it is registered here")
    problem = Problem(
        Severity.WARNING,
        f"The dispatcher at {place} is registered at {readiness.master or 'another master'}, not at {leader}",
        f"Verify its cluster: --master mesos://{readiness.master.partition('://')[2] or 'HOST:5050'}; or "
        f"start a dispatcher for this one.",
    )
    return Verdict(f"it is registered at {readiness.master or 'another master'}", (problem,))


@CHECKS.add(
    "dispatcher-queue",
    "Drivers are launched, and do not wait",
    Severity.WARNING,
    finds="drivers wait at the dispatcher: for cores or memory that no agent has, for attributes that none "
    "has, for a place among `spark.mesos.maxDrivers`",
    remedy="Do what is said about what they wait for: ask for less, kill a driver (`sparkmesos kill ID`), or "
    "raise the limit.",
    reads_tasks=True,
)
def _queue(known: Known) -> Verdict:
    readiness = known[READINESS]
    if readiness is None:
        return not_applicable(_NONE)
    if not readiness.is_ours:
        return not_applicable("Spark's own dispatcher does not tell")
    if not readiness.ready:
        return not_applicable("it is not ready: see dispatcher-ready")
    if not readiness.subscribed:
        return not_applicable("all drivers wait for Mesos: see dispatcher-subscribed")
    waiting = known[WAITING_DRIVERS]
    if waiting is None:
        return not_applicable(_NONE)
    return judge_queue(waiting.drivers, waiting.total)


def judge_queue(drivers: Sequence[DriverStatus], total: int) -> Verdict:
    """What to say about drivers that wait: `drivers` are the latest of all `total`."""
    if not total:
        return Verdict("no driver waits")
    seen = f"{total} {'driver waits' if total == 1 else 'drivers wait'}"
    causes = Counter(driver.cause or "offers" for driver in drivers)
    problems = []
    for cause, count in causes.most_common():
        those = [driver for driver in drivers if (driver.cause or "offers") == cause]
        first = those[-1]  # the one that has waited longest
        number = "1 driver waits" if count == 1 else f"{count} drivers wait"
        why = first.waits_for or "waits for an offer"
        hint = first.what_to_do or "Wait for others to end, or ask for less."
        problems.append(
            Problem(
                # One that was submitted just now waits for the next offer, which is as it should be.
                Severity.NOTE if cause == "offers" else Severity.WARNING,
                f"{number} for {cause}: {first.submission_id} {why}",
                f"{hint[:1].upper()}{hint[1:].rstrip('.')}. `sparkmesos kill ID` gives a driver up.",
                details=tuple(driver.submission_id for driver in those[:_MOST_NAMED]),
            )
        )
    return Verdict(seen, tuple(problems))


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.split(".")[:2])
