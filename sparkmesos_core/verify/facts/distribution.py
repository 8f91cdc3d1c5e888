"""The archive that executors come from, as far as it can be looked at from here: its beginning."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from sparkmesos_core.conf.finding import Finding
from sparkmesos_core.errors import ArchiveError, SparkMesosError
from sparkmesos_core.preflight.agent_flags import shares_files
from sparkmesos_core.preflight.archive_contents import Contents, contents_of
from sparkmesos_core.preflight.archive_entries import MOST_BYTES
from sparkmesos_core.preflight.cluster_facts import AgentFacts
from sparkmesos_core.preflight.executor_uri import (
    ExecutorArchive,
    executor_archive,
    judge_content,
    judge_failure,
    of_loopback,
)
from sparkmesos_core.preflight.reading_failures import NotKnownError, NotReadableError
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.preflight.this_machine import this_machine
from sparkmesos_core.preflight.uri_reading import open_beginning
from sparkmesos_core.verify.facts.client import cluster_if_known
from sparkmesos_core.verify.facts.master import agent_http
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.subject import Subject

MOST_URIS = 32
"""So many other files that are to be fetched are asked for."""
_FOR_LOOKS = 0.9
"""The part of the time after which looking is to end by itself, if it can."""
_LATE = "could not be looked at in time: its server, or a name server, does not answer"
_LATE_HINT = "Check the address, the network and firewalls. --check-timeout gives it more time."
_PIECE_BYTES = 1 << 16
_DURATION = re.compile(r"(?P<amount>\d+(?:\.\d+)?)(?P<unit>ns|us|ms|secs|mins|hrs|days|weeks)")
_SECONDS = {
    **{"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "secs": 1.0},
    **{"mins": 60.0, "hrs": 3600.0, "days": 86400.0, "weeks": 604800.0},
}


def seconds_of(text: str) -> float | None:
    """The seconds of a duration as Mesos' flags have it, `1mins`; None if it is none (stout's `Duration`)."""
    match = _DURATION.fullmatch(text.strip())
    return float(match["amount"]) * _SECONDS[match["unit"]] if match else None


@dataclass(frozen=True)
class AgentsPlaces:
    """Where the agents are that take part; neither is known if no master answers."""

    here: tuple[AgentFacts, ...] = ()
    elsewhere: tuple[AgentFacts, ...] = ()


def _places(known: Known) -> AgentsPlaces:
    facts = cluster_if_known(known)
    if facts is None:
        return AgentsPlaces()
    here, elsewhere = this_machine().divide(facts)
    return AgentsPlaces(tuple(here), tuple(elsewhere))


PLACES: Fact[AgentsPlaces] = Fact("where agents are", _places, reported_by="master-state")


def _agent_flags(known: Known) -> Mapping[str, str]:
    places = known[PLACES]
    for agent in (*places.here, *places.elsewhere)[:1]:
        try:
            with agent_http(known, agent.host, agent.port) as http:
                flags = http.get_json("/flags")["flags"]
            return {str(name): value for name, value in flags.items() if isinstance(value, str)}
        except (SparkMesosError, TypeError, KeyError, AttributeError):
            return {}
    return {}


AGENT_FLAGS: Fact[Mapping[str, str]] = Fact(
    "an agent's flags", _agent_flags, reported_by="master-state", patience=2
)
"""Of one of them, which stands for all; none if it does not tell. That it answers is for another check."""


def _shares_files(known: Known) -> bool:
    places = known[PLACES]
    return bool(places.here) and not places.elsewhere and shares_files(known[AGENT_FLAGS])


SHARES_FILES: Fact[bool] = Fact("whether agents have these files", _shares_files, reported_by="master-state")
"""Whether all agents are on this machine, and have its files, rather than those of a container."""


@dataclass(frozen=True)
class UriLook:
    """What is seen of a file that agents are to fetch."""

    uri: str
    failure: NotReadableError | None = None
    """Why agents most likely cannot have it either."""
    unknown: str = ""
    """Why nothing can be said from here; empty if something can."""
    size: int | None = None
    """Bytes of all of it."""
    changed_at: float | None = None
    """Seconds since the epoch."""
    start: bytes = b""


def _look_at_uri(subject: Subject, uri: str, size: int, deadline: float) -> UriLook:
    """The first `size` bytes of a file, and what its server tells of it."""
    ca_file = subject.options.ca_file
    look = UriLook(uri)
    start = bytearray()
    try:
        with open_beginning(
            uri, subject.environment, size=size, deadline=deadline, ca_file=ca_file
        ) as opened:
            look = replace(look, size=opened.size, changed_at=opened.changed_at)
            for piece in opened:
                start += piece
                if len(start) >= size:
                    break
    except NotReadableError as error:
        return replace(look, failure=error)
    except NotKnownError as error:
        return replace(look, unknown=error.why)
    return replace(look, start=bytes(start))


def look_at_uris(known: Known, uris: Iterable[str], deadline: float, size: int = 1) -> list[UriLook]:
    """The first `size` bytes of several files at once, the first MOST_URIS of them, in their order.

    Each look ends at the `deadline` (of `time.monotonic`), even where it cannot be interrupted, as when name
    servers are silent: what is late is no news of the file, and most likely none of agents' way to it.
    """
    distinct = list(dict.fromkeys(uris))[:MOST_URIS]
    # What keeps to its time itself says better what it has waited for.
    now = time.monotonic()
    by_itself = now + _FOR_LOOKS * (deadline - now)
    jobs = {uri: partial(_look_at_uri, known.subject, uri, size, by_itself) for uri in distinct}
    outcome = side_by_side(jobs, deadline)
    for error in outcome.failures.values():
        raise error
    late = NotReadableError(_LATE, _LATE_HINT, certain=False)
    return [outcome.results.get(uri, UriLook(uri, failure=late)) for uri in distinct]


@dataclass(frozen=True)
class ArchiveLook:
    """What is seen of the executors' archive."""

    archive: ExecutorArchive
    look: UriLook
    finding: Finding | None = None
    """That it cannot be read."""


def _archive(known: Known) -> ArchiveLook | None:
    archive = executor_archive(known.subject.configuration, known.subject.environment)
    if archive is None:
        return None
    if archive.is_path and not known[SHARES_FILES]:
        return ArchiveLook(archive, UriLook(archive.uri, unknown="it is a file of each agent's own"))
    (look,) = look_at_uris(known, [archive.uri], known.deadline(), MOST_BYTES)
    if look.failure is None:
        return ArchiveLook(archive, look)
    elsewhere = known[PLACES].elsewhere
    if of_loopback(archive, elsewhere) is not None:
        # Said by uri-host: what this machine's loopback has, or not, is nothing to those agents.
        unknown = "other machines look for it on their own loopback"
        return ArchiveLook(archive, replace(look, failure=None, unknown=unknown))
    finding = judge_failure(archive, look.failure, elsewhere, "--skip uri-reachable", known.deadline())
    return ArchiveLook(archive, look, finding)


ARCHIVE: Fact[ArchiveLook | None] = Fact(
    "the executors' archive", _archive, reported_by="uri-reachable", patience=2
)
"""None if there is no executor URI. Whether it can be read is for `uri-reachable` to tell."""


def _readable(known: Known) -> ArchiveLook | None:
    archive = known[ARCHIVE]
    if archive is None or archive.finding is None or archive.look.failure is None:
        return archive
    failure = archive.look.failure
    if failure.certain and not failure.by_way:
        raise ArchiveError(archive.finding.message, hint=archive.finding.hint)
    # Agents may fare better: who says so by --skip uri-reachable is not to hear of it from another check.
    return replace(archive, look=replace(archive.look, unknown=f"it {failure.said}"))


READABLE: Fact[ArchiveLook | None] = Fact(
    "the beginning of the executors' archive", _readable, reported_by="uri-reachable", patience=2
)
"""The same, if it can be read, or that is not known."""


def _judged(known: Known) -> tuple[Finding, ...]:
    look = known[READABLE]
    if look is None or look.look.unknown:
        return ()
    return tuple(judge_content(look.archive, _pieces(look.look.start)))


JUDGED: Fact[tuple[Finding, ...]] = Fact(
    "what the executors' archive is", _judged, reported_by="uri-type", patience=2
)


def _contents(known: Known) -> Contents:
    look = known[READABLE]
    for finding in known[JUDGED]:
        if finding.id == "executor-uri-no-archive":
            raise ArchiveError(finding.message, hint=finding.hint)
    if look is None or look.look.unknown:
        return Contents({})
    return contents_of(_pieces(look.look.start), look.archive.name)


CONTENTS: Fact[Contents] = Fact(
    "what the executors' archive holds", _contents, reported_by="uri-type", patience=2
)
"""Of an archive that is one."""


def _pieces(start: bytes) -> Iterator[bytes]:
    return (start[place : place + _PIECE_BYTES] for place in range(0, len(start), _PIECE_BYTES))
