"""The dispatcher: which one it is, and how it answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sparkmesos_core.dispatcher.client import DispatcherClient, Drivers, RefusedError
from sparkmesos_core.dispatcher.http_exchange import NoAnswerError, exchange, tls_wrapping
from sparkmesos_core.dispatcher.readiness import Readiness
from sparkmesos_core.errors import DispatcherError, MasterUrlError, SparkMesosError, UnreachableError
from sparkmesos_core.master import DEFAULT_DISPATCHER_PORT, Dispatcher, HostPort, Scheme, parse_dispatcher
from sparkmesos_core.preflight.reading_time import seconds_left
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.quoting import printable, quoted
from sparkmesos_core.verify.facts.cluster import STATE
from sparkmesos_core.verify.facts.cluster_state import FrameworkState
from sparkmesos_core.verify.facts.master import ca_file_of
from sparkmesos_core.verify.known import Fact, Known, UnknownFactError
from sparkmesos_core.verify.subject import Subject

MOST_DRIVERS = 100
"""So many of the drivers that wait are looked at, the latest."""

_USUAL_NAME = "Spark Cluster"
"""What a dispatcher calls itself at Mesos unless it is told otherwise (`MesosClusterDispatcherArguments`)."""
_MOST_ADDRESSES = 8
_MOST_NAMED = 3
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


def lost_dispatchers(frameworks: Iterable[FrameworkState]) -> tuple[FrameworkState, ...]:
    """The dispatchers that the master waits for to come back."""
    away = (one for one in frameworks if not one.completed and not (one.connected and one.active))
    return tuple(one for one in away if is_dispatcher(one))


def starting_again(subject: Subject, lost: FrameworkState) -> str:
    """How a dispatcher that is lost is brought back, to stand in a sentence."""
    where = f" on {printable(lost.hostname)}" if lost.hostname else ""
    return (
        f"start it again{where} with the options that it had, `sparkmesos start-dispatcher --master "
        f"{subject.master} …` (Spark's own: sbin/start-mesos-dispatcher.sh)"
    )


class NoDispatcherError(DispatcherError):
    """There is nobody to give a driver to, though the application is to run in cluster mode."""


def _dispatcher(known: Known) -> DispatcherPlace | None:
    subject = known.subject
    if subject.dispatcher is not None:
        return DispatcherPlace(parse_dispatcher(subject.dispatcher), asked_for=True)
    frameworks = known[STATE].frameworks
    present = known_dispatchers(frameworks)
    if wants_cluster_mode(known) and not present:
        raise _none(subject, lost_dispatchers(frameworks))
    found = [one for one in present if one.webui_url]
    return place_of(found[0], known.deadline(), ca_file_of(known)) if found else None


def _none(subject: Subject, lost: Sequence[FrameworkState]) -> NoDispatcherError:
    named = "name the one that runs with --dispatcher mesos://HOST:7077"
    if not lost:
        return NoDispatcherError(
            "Cluster mode needs a dispatcher: Mesos knows none, and none was named",
            hint=f"Start one with `sparkmesos start-dispatcher --master {subject.master}`, or {named}.",
        )
    names = ", ".join(
        f"{quoted(one.name)} ({printable(one.webui_url or one.hostname)})" for one in lost[:_MOST_NAMED]
    )
    which = "the only dispatcher" if len(lost) == 1 else f"all {len(lost)} dispatchers"
    again = starting_again(subject, lost[0])
    return NoDispatcherError(
        f"Cluster mode needs a dispatcher: Mesos has lost {which} that it knows, {names}",
        hint=f"{again[0].upper()}{again[1:]}, or {named}.",
    )


DISPATCHER: Fact[DispatcherPlace | None] = Fact(
    "the dispatcher", _dispatcher, reported_by="dispatcher-found", patience=2
)
"""The one that was named, or else one that Mesos knows; None if there is none.

Not known if there is none, and cluster mode needs one: that is told once, by the check that looks for it.
"""


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
    wrap = tls_wrapping(ca_file) if webui.scheme == "https" else None
    headers = {"Accept": "application/json"}
    try:
        answer = exchange(
            webui.address, "GET", "/health", headers=headers, timeout=seconds_left(deadline), wrap=wrap
        )
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


def tell_once(known: Known, lost: Sequence[FrameworkState]) -> None:
    """Raises UnknownFactError if another check tells that the master has `lost` dispatchers.

    So it does if the one that was named does not answer, or none is left for cluster mode.
    """
    if known.subject.dispatcher is None:
        if lost and wants_cluster_mode(known):
            _raise_if_none(known)
        return
    hosts = {address.host for address in parse_dispatcher(known.subject.dispatcher).addresses}
    if any(one.hostname in hosts or _webui_host(one) in hosts for one in lost):
        known[DISPATCHER_ANSWER]


def _raise_if_none(known: Known) -> None:
    try:
        known[DISPATCHER]
    except UnknownFactError as unknown:
        if isinstance(unknown.error, NoDispatcherError):
            raise


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
    from sparkmesos_core.http_service.access_token import read_token  # which loads hashlib

    path = known.subject.auth_token_file
    return None if path is None else read_token(path)


TOKEN: Fact[str | None] = Fact("the dispatcher's token", _read_token, reported_by="dispatcher-token")
"""Read once: a pipe gives it only once."""
