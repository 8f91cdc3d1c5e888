"""Checks of whether the leading master takes an application like this one."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.mesos_credentials import mesos_credentials
from sparkmesos_core.errors import UsageError
from sparkmesos_core.loopback import is_loopback
from sparkmesos_core.mesos.leader import Leader
from sparkmesos_core.mesos.resources import ANY_ROLE
from sparkmesos_core.preflight.cluster_facts import roles_whitelist_of
from sparkmesos_core.preflight.need import ROLE
from sparkmesos_core.preflight.role import check_allowed, listed_roles
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable, problem_of
from sparkmesos_core.verify.facts.master import FLAGS, LEADER, refused_credentials, uses_libmesos
from sparkmesos_core.verify.facts.master_answers import CERTIFICATE, SCHEDULER_API, Certificate
from sparkmesos_core.verify.facts.zookeeper import zookeeper_of
from sparkmesos_core.verify.known import Known

CHECKS = Checks(Group.MASTER)

_DOCKER_IMAGE = "spark.mesos.executor.docker.image"
_SECRET_PARTS = tuple(f"spark.mesos.{whom}.secret." for whom in ("driver", "executor"))
_DAY = 24 * 3600.0
_FEW_DAYS = 14


@dataclass(frozen=True)
class Requirement:
    """The oldest Mesos that something works with."""

    version: tuple[int, ...]
    what: str
    """To stand behind `too old for`."""
    severity: Severity = Severity.ERROR

    @property
    def text(self) -> str:
        """`the bridge (1.0)`."""
        return f"{self.what} ({'.'.join(map(str, self.version))})"


@CHECKS.add(
    "master-version",
    "Version of the leading master",
    Severity.ERROR,
    finds="a Mesos that is too old: for the bridge and the dispatcher of sparkmesos (1.0), Spark 2.4 and"
    " newer (1.0), secrets (1.3), Docker images (0.20.1), Spark at all (0.21)",
    remedy="Upgrade the masters first, then the agents; or leave out what needs the newer version.",
)
def check_version(known: Known) -> Verdict:
    """Whether it is new enough for what is asked of it."""
    subject, leader = known.subject, known[LEADER]
    spark = subject.client.spark
    wanted = requirements(
        subject.configuration,
        libmesos=uses_libmesos(known),
        dispatcher=subject.dispatcher is not None,
        spark=spark.release if spark is not None else None,
    )
    return judge_version(leader, wanted)


def requirements(
    configuration: Collection[str], *, libmesos: bool, dispatcher: bool, spark: tuple[int, int] | None
) -> list[Requirement]:
    """What is asked of Mesos by properties that are set, and by who speaks to it.

    The versions are those of Spark's documentation of its releases; that of the bridge and of our dispatcher
    is the first one with a stable scheduler HTTP API.
    """
    wanted = []
    if not libmesos:
        wanted.append(Requirement((1, 0), "the bridge, which speaks the scheduler HTTP API"))
    elif spark is not None and spark >= (2, 4):
        said = f"Spark {spark[0]}.{spark[1]} by its documentation"
        wanted.append(Requirement((1, 0), said, Severity.WARNING))
    else:
        wanted.append(Requirement((0, 21), "Spark by its documentation", Severity.WARNING))
    if dispatcher:
        wanted.append(Requirement((1, 0), "a dispatcher of sparkmesos"))
    if any(key.startswith(_SECRET_PARTS) for key in configuration):
        wanted.append(Requirement((1, 3), "secrets"))
    if _DOCKER_IMAGE in configuration:
        wanted.append(Requirement((0, 20, 1), "Docker images"))
    return wanted


def judge_version(leader: Leader, wanted: Sequence[Requirement]) -> Verdict:
    """What is to be said about the version of a master."""
    if leader.version is None:
        return Verdict(f"{leader.http_url} does not tell its version")
    seen = f"Mesos {leader.version}"
    own = numbers(leader.version)
    missed = [each for each in wanted if own is not None and own < each.version]
    if not missed:
        return Verdict(seen)
    severity = min((each.severity for each in missed), key=list(Severity).index)
    newest = ".".join(map(str, max(each.version for each in missed)))
    message = (
        f"Mesos {leader.version} at {leader.http_url} is too old for {', '.join(e.text for e in missed)}"
    )
    hint = f"Upgrade Mesos to {newest} or newer, the masters first"
    if all("bridge" in each.what for each in missed):
        hint += ", or use the libmesos of this cluster's version (--mesos-driver native)"
    return Verdict(seen, (Problem(severity, message, f"{hint}."),))


def numbers(version: str) -> tuple[int, ...] | None:
    """The numbers that a version such as `1.12.0-rc1` begins with, three of them; None if it has none."""
    parts = []
    for part in version.split("-")[0].split("."):
        if not part.isdecimal():
            break
        parts.append(int(part))
    return tuple([*parts, 0, 0][:3]) if parts else None


@CHECKS.add(
    "master-api",
    "Scheduler API of the leading master",
    Severity.ERROR,
    finds="a master that answers, but not at `/api/v1/scheduler`, where frameworks connect over HTTP: most"
    " often a proxy in front of it that only lets web pages through",
    remedy="Name the master itself, not a proxy, or let the proxy pass on `/api/v1/scheduler`, also POST and"
    " answers that never end.",
)
def check_api(known: Known) -> Verdict:
    """Whether frameworks can connect over HTTP; what credentials have to do with it is for another check."""
    leader, api = known[LEADER], known[SCHEDULER_API]
    own = numbers(leader.version or "")
    if own is not None and own < (1, 0):
        return not_applicable(f"Mesos {leader.version} has no stable one")
    if api.status in (401, 405):  # Mesos' own words to a GET
        return Verdict(f"{leader.http_url}/api/v1/scheduler answers")
    message = f"{leader.http_url}/api/v1/scheduler answers {api.said}, not like a Mesos master"
    hint = (
        "Name the address of the master itself in --master; if a proxy has to be in between, let it pass on"
    )
    hint += " /api/v1/scheduler with POST, and answers that never end."
    # libmesos has a protocol of its own, but a dispatcher of sparkmesos needs this one, too.
    severity = Severity.WARNING if uses_libmesos(known) else Severity.ERROR
    return Verdict(message, (Problem(severity, message, hint),))


@CHECKS.add(
    "master-authentication",
    "Authentication at the leading master",
    Severity.ERROR,
    finds="credentials that are missing, wrong, or not known to the master: *401 Unauthorized*, *Master"
    " refused authentication*, or a framework that is never registered",
    remedy="Set `spark.mesos.principal` and `spark.mesos.secret`, or their `.file`, to what the master"
    " has in its"
    " `--credentials`.",
)
def check_authentication(known: Known) -> Verdict:
    """Whether the master lets the application in, as far as credentials go."""
    flags, api = known[FLAGS], known[SCHEDULER_API]
    libmesos = uses_libmesos(known)
    if api.status == 401 and not libmesos:
        refusal = refused_credentials(known)
        return Verdict(refusal.message, (Problem(Severity.ERROR, refusal.message, refusal.hint),))
    try:
        principal, secret = mesos_credentials(known.subject.configuration)
    except UsageError:
        principal = secret = None  # a check of the configuration tells that
    given = principal if secret is not None else None
    if libmesos and (problem := judge_libmesos_credentials(flags, given, known[LEADER])) is not None:
        return Verdict(problem.message, (problem,))
    demanded = flags.get("authenticate_frameworks") == "true" if libmesos else api.wants_credentials
    if libmesos and not flags:
        seen = "whether frameworks have to authenticate, the master does not tell"
    elif given is None:
        seen = "the master registers frameworks without credentials"
    elif not demanded:
        seen = f"the master asks no credentials of frameworks, those of {given} included"
    elif libmesos:
        seen = f"frameworks have to authenticate, as libmesos does when it registers {given}"
    else:
        seen = f"the master knows {given}"
    if flags:
        return Verdict(seen)
    note = Problem(
        Severity.NOTE,
        "The master does not let us see its flags: what they say is not checked",
        "Let the principal view them (the ACL view_flags); masters before 0.23 have no endpoint for them.",
    )
    return Verdict(seen, (note,))


def judge_libmesos_credentials(
    flags: Mapping[str, str], principal: str | None, leader: Leader
) -> Problem | None:
    """Why libmesos will not be registered with, or without, the credentials of this principal.

    The master's default authenticator (CRAM-MD5) refuses everybody if it has no --credentials, and a refused
    scheduler driver gives up.
    """
    if principal is None and flags.get("authenticate_frameworks") == "true":
        return Problem(
            Severity.ERROR,
            f"{leader.http_url} registers only frameworks that authenticate, and there are no credentials",
            "Set spark.mesos.principal and spark.mesos.secret to what the master has in its --credentials.",
            "spark.mesos.principal",
        )
    bare = "credentials" not in flags and flags.get("authenticators") == "crammd5"
    if principal is not None and bare:
        return Problem(
            Severity.ERROR,
            f"{leader.http_url} knows no credentials, so it refuses whoever shows some through libmesos,"
            f" such as those of {principal}",
            "Leave out spark.mesos.secret, or start the master with --credentials.",
            "spark.mesos.secret",
        )
    return None


@CHECKS.add(
    "master-role",
    "Role of the application",
    Severity.ERROR,
    finds="a `spark.mesos.role` that the master's `--roles` does not name: *Roles '{ x }' are not present in"
    " the master's --roles*, and the driver ends",
    remedy="Correct `spark.mesos.role`, leave it out, or have the role added to the master's `--roles`.",
)
def check_role(known: Known) -> Verdict:
    """Whether the master takes frameworks of the role."""
    flags, configuration = known[FLAGS], known.subject.configuration
    role = configuration.get(ROLE, ANY_ROLE)
    setting = configuration.setting(ROLE)
    allowed = roles_whitelist_of({"flags": flags})
    found = check_allowed(role, allowed, known[LEADER].address)
    problems = (replace(problem_of(one), origin=setting.origin if setting else None) for one in found)
    takes = "the master takes any role"
    if not flags:
        takes = "which ones the master takes, it does not tell"
    elif allowed is not None:
        takes = f"the master takes only {listed_roles(allowed)}"
    return Verdict(f"the role is {role}; {takes}", tuple(problems))


@CHECKS.add(
    "master-tls",
    "Encryption of what the master is told",
    Severity.WARNING,
    finds="a certificate of the master that ends soon, after which nothing connects any more; and a secret"
    " that travels in clear",
    remedy="Renew the certificate of the master; let it speak https (`LIBPROCESS_SSL_ENABLED`) where the"
    " network is not to be trusted.",
)
def check_tls(known: Known) -> Verdict:
    """Whether the connection to the master is protected, and goes on being so."""
    leader, certificate = known[LEADER], known[CERTIFICATE]
    if leader.scheme == "https":
        return judge_certificate(leader, certificate, time.time())
    configured = {"spark.mesos.secret", "spark.mesos.secret.file"} & set(known.subject.configuration)
    if configured and not uses_libmesos(known) and not is_loopback(leader.address.host):
        message = f"The secret for Mesos travels in clear to {leader.http_url}"
        asked = "give --ca-file" if zookeeper_of(known) is not None else "write mesos://https://HOST:PORT"
        hint = f"Let the master speak https and {asked}, if others can listen on the way."
        return Verdict(message, (Problem(Severity.NOTE, message, hint, min(configured)),))
    return not_applicable("the master speaks plain HTTP")


def judge_certificate(leader: Leader, certificate: Certificate | None, now: float) -> Verdict:
    """What is to be said about a certificate at this time, in seconds since the epoch.

    One that is made for a few days only is renewed by a program, which does so when a third of them is left.
    """
    if certificate is None:
        return Verdict("it speaks https; until when its certificate is good is not known")
    left = certificate.ends - now
    days = int(left // _DAY)
    seen = f"the certificate of {leader.http_url} is good for {days} more day{'' if days == 1 else 's'}"
    if left >= min(_FEW_DAYS * _DAY, (certificate.ends - certificate.begins) / 4):
        return Verdict(seen)
    hint = "Renew it and restart the master (LIBPROCESS_SSL_CERT_FILE); without a valid one nobody connects."
    return Verdict(seen, (Problem(Severity.WARNING, seen[0].upper() + seen[1:], hint),))
