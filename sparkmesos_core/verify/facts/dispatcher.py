"""The dispatcher: which one it is, and how it answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sparkmesos_core.dispatcher.client import DispatcherClient, Drivers, RefusedError
from sparkmesos_core.dispatcher.http_exchange import NoAnswerError, exchange, tls_wrapping
from sparkmesos_core.dispatcher.readiness import Readiness
from sparkmesos_core.errors import MasterUrlError, SparkMesosError, UnreachableError
from sparkmesos_core.master import DEFAULT_DISPATCHER_PORT, Dispatcher, HostPort, Scheme, parse_dispatcher
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.quoting import quoted
from sparkmesos_core.verify.facts.cluster import STATE
from sparkmesos_core.verify.facts.cluster_state import FrameworkState
from sparkmesos_core.verify.facts.master import ca_file_of
from sparkmesos_core.verify.known import Fact, Known

MOST_DRIVERS = 100
"""So many of the drivers that wait are looked at, the latest."""

_USUAL_NAME = "Spark Cluster"
"""What a dispatcher calls itself at Mesos unless it is told otherwise (`MesosClusterDispatcherArguments`)."""
_SHORTEST_WAIT = 0.1
_MOST_ADDRESSES = 8
_UNAUTHORIZED = 401


@dataclass(frozen=True)
class DispatcherPlace:
    """Where the dispatcher is that is looked at."""

    dispatcher: Dispatcher
    asked_for: bool
    """Whether it was named; else Mesos knows it."""
    framework: FrameworkState | None = None
    """What Mesos knows of it, if that is how it was found."""
    guessed: bool = False
    """Whether its host is known only, and the port is the usual one."""

    def __str__(self) -> str:
        return str(self.dispatcher)


@dataclass(frozen=True)
class DispatcherAnswer:
    """What the first of a dispatcher's addresses that answered said, and which others did not."""

    address: HostPort
    readiness: Readiness | None
    """None if it wants to see a token first."""
    refusal: RefusedError | None = None
    """How it said that."""
    silent: tuple[tuple[HostPort, SparkMesosError], ...] = ()
    """The addresses of several that do not answer as dispatchers do, each with why."""


def wants_cluster_mode(known: Known) -> bool:
    """Whether the application is to be given to a dispatcher."""
    return known.subject.configuration.get("spark.submit.deployMode") == "cluster"


def is_dispatcher(framework: FrameworkState) -> bool:
    """Whether a framework is a dispatcher, as far as the master can tell."""
    return framework.name == _USUAL_NAME or framework.runs_drivers


def known_dispatchers(frameworks: Iterable[FrameworkState]) -> tuple[FrameworkState, ...]:
    """The dispatchers that the master is in touch with; those that it has lost are for another check."""
    present = (one for one in frameworks if one.connected and one.active and not one.completed)
    return tuple(one for one in present if is_dispatcher(one))


def _dispatcher(known: Known) -> DispatcherPlace | None:
    subject = known.subject
    if subject.dispatcher is not None:
        return DispatcherPlace(parse_dispatcher(subject.dispatcher), asked_for=True)
    found = [one for one in known_dispatchers(known[STATE].frameworks) if one.webui_url]
    return place_of(found[0], known.deadline(), ca_file_of(known)) if found else None


DISPATCHER: Fact[DispatcherPlace | None] = Fact(
    "the dispatcher", _dispatcher, reported_by="dispatcher-found", patience=2
)
"""The one that was named, or else one that Mesos knows; None if there is none."""


def place_of(
    framework: FrameworkState, deadline: float, ca_file: str | None = None
) -> DispatcherPlace | None:
    """Where a dispatcher takes submissions that Mesos knows; None if its web UI has no address.

    Ours say so on their page `/health`, unless they want a token; of others the port has to be guessed.
    """
    try:
        parts = urlsplit(framework.webui_url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if not host:
        return None
    scheme: Scheme = "https" if parts.scheme == "https" else "http"
    told = _told_address(Dispatcher(HostPort(host, port), scheme), deadline, ca_file)
    if told is not None:
        return DispatcherPlace(told, asked_for=False, framework=framework)
    usual = Dispatcher(HostPort(host, DEFAULT_DISPATCHER_PORT), scheme)
    return DispatcherPlace(usual, asked_for=False, framework=framework, guessed=True)


def _told_address(webui: Dispatcher, deadline: float, ca_file: str | None) -> Dispatcher | None:
    left = max(deadline - time.monotonic(), _SHORTEST_WAIT)
    wrap = tls_wrapping(ca_file) if webui.scheme == "https" else None
    headers = {"Accept": "application/json"}
    try:
        answer = exchange(webui.address, "GET", "/health", headers=headers, timeout=left, wrap=wrap)
        told = parse_dispatcher(str(json.loads(answer.body)["address"]))
        # Anybody may have registered that framework: what it tells makes us ask no more than a few.
        return replace(told, others=told.others[: _MOST_ADDRESSES - 1])
    except (NoAnswerError, ValueError, RecursionError, KeyError, TypeError, MasterUrlError):
        return None


def _answer(known: Known) -> DispatcherAnswer | None:
    place = known[DISPATCHER]
    if place is None:
        return None
    deadline = known.deadline()
    jobs = {
        str(address): _client(known, Dispatcher(address, place.dispatcher.scheme), place).readiness
        for address in place.dispatcher.addresses
    }
    outcome = side_by_side(jobs, deadline)
    silent: list[tuple[HostPort, SparkMesosError]] = []
    answers: list[DispatcherAnswer] = []
    for address in place.dispatcher.addresses:
        name = str(address)
        failure = outcome.failures.get(name)
        if name in outcome.results:
            answers.append(DispatcherAnswer(address, outcome.results[name]))
        elif isinstance(failure, RefusedError) and failure.status == _UNAUTHORIZED:
            answers.append(DispatcherAnswer(address, None, failure))
        elif isinstance(failure, SparkMesosError):
            silent.append((address, failure))
        elif failure is not None:
            raise failure
        else:
            late = UnreachableError(
                f"The dispatcher at {quoted(name)} did not answer in time", hint="Check that it is running."
            )
            silent.append((address, late))
    if not answers:
        raise silent[0][1]
    # One that can take submissions speaks for all: standbys pass on what they get.
    answers.sort(key=lambda one: one.readiness is not None and one.readiness.ready, reverse=True)
    best = answers[0]
    return DispatcherAnswer(best.address, best.readiness, best.refusal, tuple(silent))


DISPATCHER_ANSWER: Fact[DispatcherAnswer | None] = Fact(
    "the dispatcher's answer", _answer, reported_by="dispatcher-reachable", patience=2
)
"""None if there is no dispatcher."""


def tell_once(known: Known, lost: Iterable[FrameworkState]) -> None:
    """Raises UnknownFactError if the dispatcher that was named does not answer, and Mesos has `lost` it, too.

    Whoever tells that it is lost says so twice otherwise.
    """
    if known.subject.dispatcher is None:
        return
    hosts = {address.host for address in parse_dispatcher(known.subject.dispatcher).addresses}
    if any(one.hostname in hosts or _webui_host(one) in hosts for one in lost):
        known[DISPATCHER_ANSWER]


def _webui_host(framework: FrameworkState) -> str | None:
    try:
        return urlsplit(framework.webui_url).hostname
    except ValueError:
        return None


def _readiness(known: Known) -> Readiness | None:
    answer = known[DISPATCHER_ANSWER]
    if answer is None:
        return None
    if answer.refusal is not None:
        raise answer.refusal
    return answer.readiness


READINESS: Fact[Readiness | None] = Fact(
    "the dispatcher's condition", _readiness, reported_by="dispatcher-token"
)
"""What it says to who may ask; None if there is no dispatcher."""


def _waiting(known: Known) -> Drivers | None:
    readiness, place = known[READINESS], known[DISPATCHER]
    if readiness is None or place is None or not readiness.is_ours:
        return None
    return _client(known, place.dispatcher, place).drivers(states=("QUEUED",), limit=MOST_DRIVERS)


WAITING_DRIVERS: Fact[Drivers | None] = Fact(
    "the drivers that wait", _waiting, reported_by="dispatcher-queue", patience=2
)
"""At most MOST_DRIVERS, the latest; None if there is no dispatcher of ours."""


def _client(known: Known, dispatcher: Dispatcher, place: DispatcherPlace) -> DispatcherClient:
    subject = known.subject
    # Never to an address that a framework told, which may be anybody's.
    shows_token = place.asked_for and subject.auth_token_file is not None
    return DispatcherClient(
        dispatcher,
        timeout=known.timeout,
        ca_file=ca_file_of(known),
        token=known[TOKEN] if shows_token else None,
        patience=0,
    )


def _read_token(known: Known) -> str | None:
    from sparkmesos_core.dispatcher.access_token import read_token  # which loads hashlib

    path = known.subject.auth_token_file
    return None if path is None else read_token(path)


TOKEN: Fact[str | None] = Fact("the dispatcher's token", _read_token, reported_by="dispatcher-token")
"""Read once: a pipe gives it only once."""
