"""What the leading master, and those that wait to follow it, answer to single questions."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path

from sparkmesos_core.errors import MesosError, UnreachableError
from sparkmesos_core.master import HostPort, MesosMaster, Scheme
from sparkmesos_core.mesos.http import MesosHttp, authorities_file, describe_answer, proxy_for
from sparkmesos_core.mesos.leader import Leader, PointsTo, judge
from sparkmesos_core.preflight.name_lookup import look_up
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.verify.facts.master import LEADER, ca_file_of, credentials, leader_http, master_http
from sparkmesos_core.verify.facts.zookeeper import MEMBERS
from sparkmesos_core.verify.known import Fact, Known

MOST_OTHERS = 8
METRICS_PAUSE = 1.0
"""Seconds. Mesos answers two questions for its metrics in a second, and lets others wait."""


@dataclass(frozen=True)
class Health:
    """An answer to `GET /health`, which is open to everybody."""

    status: int
    said: str
    """Status and text in a line."""
    date: datetime | None
    """The clock of the master when it answered, in whole seconds; None if it does not tell."""
    asked_at: float
    answered_at: float
    """Seconds since the epoch by this machine's clock."""


def _health(known: Known) -> Health:
    with leader_http(known, anonymous=True) as http:
        http.get("/version")  # connects, so that the time for that does not count
        asked_at = time.time()
        answer = http.get("/health")
        answered_at = time.time()
    return Health(
        answer.status_code,
        describe_answer(answer),
        _date(answer.headers.get("Date")),
        asked_at,
        answered_at,
    )


HEALTH: Fact[Health] = Fact("the master's health", _health, reported_by="master-health")


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return date if date is None or date.tzinfo is not None else date.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class SchedulerApi:
    """What `/api/v1/scheduler` answers to a GET, which it never takes: nothing changes by it.

    A master asks for credentials before it looks at the method, so that they are tried out, too.
    """

    status: int
    said: str
    wants_credentials: bool
    """Whether it has answered 401 to who came without."""


def _scheduler_api(known: Known) -> SchedulerApi:
    path = "/api/v1/scheduler"
    # Not by `leader_http`: who must not see the flags may still be let in as a framework.
    with master_http(known, *credentials(known)) as http:
        answer = http.get(path)
    # Credentials are only sent to who has asked for them.
    wants = answer.status_code == 401 or "Authorization" in answer.request.headers
    if answer.status_code == 503:
        raise MesosError(
            f"{known[LEADER].http_url}{path} answered {describe_answer(answer)}",
            hint="A master that has just been elected reads its registry first: try again in a moment, or"
            " with --watch. If it stays so, look at its log: it may have lost the majority of the masters.",
        )
    return SchedulerApi(answer.status_code, describe_answer(answer), wants)


SCHEDULER_API: Fact[SchedulerApi] = Fact(
    "the master's scheduler API", _scheduler_api, reported_by="master-recovery"
)
"""Not known as long as the master has not finished its recovery (503)."""


def _metrics(known: Known) -> Mapping[str, float]:
    with leader_http(known) as http:
        answer = http.get("/metrics/snapshot")
        if answer.status_code == 403:
            return {}
        content = http.decode(answer)
    if not isinstance(content, dict):
        raise MesosError(
            f"{known[LEADER].http_url}/metrics/snapshot answers without metrics",
            hint="Name the address of the master itself in --master, not a proxy.",
        )
    return {name: float(value) for name, value in content.items() if isinstance(value, (int, float))}


METRICS: Fact[Mapping[str, float]] = Fact("the master's metrics", _metrics, reported_by="master-messages")
"""By their names, such as `master/uptime_secs`; empty where the master's ACLs keep them from us."""


def _metrics_later(known: Known) -> Mapping[str, float]:
    known[METRICS]
    time.sleep(METRICS_PAUSE)
    return _metrics(known)


METRICS_LATER: Fact[Mapping[str, float]] = Fact(
    "the master's metrics a moment later", _metrics_later, reported_by="master-messages", patience=2
)
"""The same after METRICS_PAUSE: counters never fall, so only two readings show what happens now."""


@dataclass(frozen=True)
class MasterTimes:
    """Since when, by the master's clock in seconds since the epoch; 0 if it does not tell."""

    started: float = 0.0
    elected: float = 0.0


def _times(known: Known) -> MasterTimes:
    with leader_http(known) as http:
        try:
            content = http.call({"type": "GET_MASTER"})
        except MesosError:
            return MasterTimes()  # older than 1.0, or its ACLs keep it from us
    told = content.get("get_master") if isinstance(content, dict) else None
    if not isinstance(told, dict):
        return MasterTimes()
    started, elected = told.get("start_time"), told.get("elected_time")
    return MasterTimes(
        float(started) if isinstance(started, (int, float)) else 0.0,
        float(elected) if isinstance(elected, (int, float)) else 0.0,
    )


TIMES: Fact[MasterTimes] = Fact("since when the master leads", _times, reported_by="master-elections")


def _announced(known: Known) -> PointsTo | None:
    leader = known[LEADER]
    with leader_http(known, anonymous=True) as http:
        outcome = judge(http.get("/redirect"), leader.scheme)
    return outcome if isinstance(outcome, PointsTo) else None


ANNOUNCED: Fact[PointsTo | None] = Fact(
    "where the leading master sends those who look for it", _announced, reported_by="master-name"
)
"""By its `/redirect`; None if it does not say."""


@dataclass(frozen=True)
class OtherMaster:
    """A master that should follow the leader."""

    address: HostPort
    trouble: str = ""
    """Why it does not answer as a master that follows; empty if it does."""
    leader: HostPort | None = None
    """Who leads, according to it; itself, if it takes itself to be the leader."""
    follows: bool = False
    """Whether that is the leader that we know."""


def _others(known: Known) -> tuple[OtherMaster, ...]:
    leader, master = known[LEADER], known.subject.master
    if isinstance(master, MesosMaster):
        listed: Sequence[HostPort] = master.hosts
    else:
        listed = [other.address for other in known[MEMBERS].others]
    announced = known[ANNOUNCED]
    names = {leader.address.host, leader.hostname} | ({announced.address.host} if announced else set())
    places = Places(names | {host.host for host in listed}, known.deadline())
    others = [host for host in listed if not places.same(host, leader)][:MOST_OTHERS]
    jobs = {str(host): partial(_ask_other, known, host, leader.scheme) for host in others}
    asked = side_by_side(jobs, known.deadline())  # names may have taken all of the time until here
    late = "did not answer in time"
    answers = [asked.results.get(str(host), OtherMaster(host, late)) for host in others]
    pointed = {answer.leader.host for answer in answers if answer.leader is not None}
    places = Places(names | pointed, known.deadline())

    def is_leader(pointed: HostPort) -> bool:
        # By the name that it gives itself, too: only its own network may know that.
        return (announced is not None and pointed == announced.address) or places.same(pointed, leader)

    return tuple(
        replace(each, follows=each.leader is not None and is_leader(each.leader)) for each in answers
    )


OTHERS: Fact[tuple[OtherMaster, ...]] = Fact(
    "the other masters", _others, reported_by="master-others", patience=3
)
"""Those of the URL, or of ZooKeeper, that do not lead; a few."""


class Places:
    """Which host names and addresses mean the same host, by this machine's resolver."""

    def __init__(self, names: set[str], deadline: float) -> None:
        self._of = {
            name: set(found.addresses) for name, found in look_up(sorted(names - {""}), deadline).items()
        }

    def same(self, host: HostPort, leader: Leader) -> bool:
        """Whether a host is the leader, by its address or the name that it gives itself."""
        if host.port != leader.address.port:
            return False
        own = {leader.address.host, leader.hostname} - {""}
        return host.host in own or any(
            self._of.get(host.host, set()) & self._of.get(name, set()) for name in own
        )


def _ask_other(known: Known, host: HostPort, scheme: Scheme) -> OtherMaster:
    url = f"{scheme}://{host}"
    try:
        with MesosHttp(url, timeout=known.timeout, ca_file=ca_file_of(known)) as http:
            answer = http.get("/redirect")
            outcome = judge(answer, scheme)
    except UnreachableError as error:
        return OtherMaster(host, error.message.removeprefix(f"{url} "))
    if isinstance(outcome, PointsTo):
        return OtherMaster(host, leader=outcome.address)
    return OtherMaster(host, f"answered {describe_answer(answer)}")


@dataclass(frozen=True)
class Certificate:
    """That of a master over https."""

    begins: float
    ends: float
    """Seconds since the epoch."""


def _certificate(known: Known) -> Certificate | None:
    leader = known[LEADER]
    if leader.scheme != "https" or proxy_for(leader.http_url) is not None:
        return None
    host, port = leader.address.host, leader.address.port
    try:
        context = ssl.create_default_context()
        authorities = Path(authorities_file(ca_file_of(known)))
        if authorities.is_dir():
            context.load_verify_locations(capath=authorities)
        else:
            context.load_verify_locations(cafile=authorities)
        with (
            socket.create_connection((host, port), timeout=known.timeout / 2) as connection,
            context.wrap_socket(connection, server_hostname=host) as spoken,
        ):
            certificate = spoken.getpeercert() or {}
        begins, ends = certificate.get("notBefore"), certificate.get("notAfter")
        if not isinstance(begins, str) or not isinstance(ends, str):
            return None
        return Certificate(ssl.cert_time_to_seconds(begins), ssl.cert_time_to_seconds(ends))
    except (OSError, ValueError):
        return None  # that there is a connection at all is for others to report


CERTIFICATE: Fact[Certificate | None] = Fact(
    "the master's certificate", _certificate, reported_by="master-tls", patience=2
)
"""None without https, and where it is not known, such as behind a proxy."""
