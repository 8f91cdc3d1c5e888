"""Checks of the archive that executors come from: that agents can fetch it, and what it is."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.dist.checks import LARGE_BYTES
from sparkmesos_core.preflight.executor_uri import executor_archive, of_loopback
from sparkmesos_core.preflight.http_reading import ask_size
from sparkmesos_core.preflight.reading_failures import NotKnownError, NotReadableError
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable, problem_of
from sparkmesos_core.verify.checks.client_configuration import hinted
from sparkmesos_core.verify.checks.of_archive import NO_URI, of_archive
from sparkmesos_core.verify.facts.client import FINDINGS
from sparkmesos_core.verify.facts.cluster import AGENTS, AgentState
from sparkmesos_core.verify.facts.distribution import (
    AGENT_FLAGS,
    ARCHIVE,
    JUDGED,
    PLACES,
    ArchiveLook,
    seconds_of,
)
from sparkmesos_core.verify.known import Known, UnknownFactError
from sparkmesos_core.verify.named_agents import some_agents

CHECKS = Checks(Group.DISTRIBUTION)

_KEY = "spark.executor.uri"
_CACHE = "spark.mesos.fetcherCache.enable"
_NAME_RULES = frozenset({"executor-uri-name", "executor-uri-ambiguous", "executor-uri-not-unpacked"})
_SCHEME_RULES = frozenset({"uri-file-slash", "uri-needs-hadoop", "uri-scheme-misspelt", "uri-relative"})
_TIMEOUT = "executor_registration_timeout"
_SLOW_NETWORK, _FAST_NETWORK = 12.5e6, 125e6
"""Bytes that 100 Mbit/s, and 1 Gbit/s, carry in a second."""
_SLACK = 2
"""So many times the size of the archive a sandbox takes, with what is unpacked, at the least."""


def _configured(known: Known, rules: Iterable[str]) -> Verdict:
    """What rules say of the executor URI."""
    setting = known.subject.configuration.setting(_KEY)
    if setting is None:
        return NO_URI
    problems = tuple(hinted(one) for one in known[FINDINGS] if one.id in rules and _is_of_uri(one))
    return Verdict(f"{redact_text(setting.value)} ({setting.origin})", problems)


def _is_of_uri(finding: Finding) -> bool:
    return finding.key == _KEY or finding.id == "executor-uri-ambiguous"


@CHECKS.add(
    "uri-name",
    "Name of the executors' archive",
    Severity.ERROR,
    finds="a name that the fetcher does not unpack, or by which Spark's `cd NAME*` finds no folder "
    "(*./bin/spark-class: No such file or directory*)",
    remedy="Name the archive as its folder, as in spark-3.5.9-bin-hadoop3.tgz, with nothing behind it.",
)
def _uri_name(known: Known) -> Verdict:
    return _configured(known, _NAME_RULES)


@CHECKS.add(
    "uri-scheme",
    "Scheme of the executor URI",
    Severity.ERROR,
    finds="a URI that agents cannot fetch as it is written: `file:/path`, a relative path, a misspelt one; "
    "and schemes for which each agent needs a `hadoop` client (*Failed to fetch all URIs*)",
    remedy="Serve the archive over http (as `sparkmesos serve-dist`), or give agents a Hadoop client.",
)
def _uri_scheme(known: Known) -> Verdict:
    return _configured(known, _SCHEME_RULES)


@CHECKS.add(
    "uri-host",
    "Host of the executor URI",
    Severity.WARNING,
    finds="an executor URI on this machine's loopback, which agents elsewhere take for themselves "
    "(*Failed to connect to localhost*, *Connection refused*)",
    remedy="Give the name or address of the server that agents reach.",
)
def _uri_host(known: Known) -> Verdict:
    archive = executor_archive(known.subject.configuration, known.subject.environment)
    if archive is None:
        return NO_URI
    if not archive.host:
        return not_applicable(f"{redact_text(archive.uri)} names no host")
    found = of_loopback(archive, known[PLACES].elsewhere)
    return Verdict(archive.host, (problem_of(found),) if found is not None else ())


@CHECKS.add(
    "uri-reachable",
    "Executors' archive is there",
    Severity.ERROR,
    finds="an executor URI that is not there or cannot be reached: each executor fails, with *Failed to "
    "fetch all URIs for container*, and after two failures Spark excludes the agent (*Initial job has not "
    "accepted any resources*)",
    remedy="Upload the archive there (`sparkmesos upload-dist`), correct the URI, or let agents in without "
    "credentials.",
)
def _uri_reachable(known: Known) -> Verdict:
    look = known[ARCHIVE]
    if look is None:
        return NO_URI
    uri = redact_text(look.archive.uri)
    if look.finding is not None:
        return Verdict(f"{uri} cannot be read", (problem_of(look.finding),))
    if look.look.unknown:
        why = f"{uri} cannot be looked at from here: {look.look.unknown} (--probe has agents fetch it)"
        return not_applicable(why)
    return Verdict(f"{uri} can be read from here")


@CHECKS.add(
    "uri-type",
    "Executors' archive is one",
    Severity.ERROR,
    finds="a web page, such as that of a login, or something else that is no archive (*gzip: stdin: not in "
    "gzip format*, *tar: Child returned status 1*)",
    remedy="See what a browser shows at the URI, and upload the archive as it is.",
)
@of_archive
def _uri_type(known: Known, look: ArchiveLook) -> Verdict:
    problems = [problem_of(one) for one in known[JUDGED] if one.id == "executor-uri-no-archive"]
    return Verdict("it is none" if problems else "it is one", tuple(problems))


@CHECKS.add(
    "uri-size",
    "Size of the executors' archive",
    Severity.WARNING,
    finds="an archive that is too large for the disk of agents (*No space left on device*), or larger than "
    "it has to be",
    remedy="Leave out what executors do not need (`sparkmesos upload-dist --exclude`), or give agents more "
    "disk.",
)
@of_archive
def _uri_size(known: Known, look: ArchiveLook) -> Verdict:
    size = look.look.size
    if size is None:
        return Verdict("its server does not tell its size")
    try:
        agents: tuple[AgentState, ...] = known[AGENTS].agents
    except UnknownFactError:
        agents = ()
    return Verdict(_megabytes(size), size_problems(size, agents))


def size_problems(size: int, agents: Iterable[AgentState]) -> tuple[Problem, ...]:
    """What is wrong with an archive of so many bytes, on these agents."""
    short = [
        agent.facts
        for agent in agents
        if agent.facts.active and 0 < agent.facts.resources.scalar("disk") * (1 << 20) < _SLACK * size
    ]
    if short:
        return (
            Problem(
                Severity.WARNING,
                f"The executors' archive has {_megabytes(size)}, and is unpacked besides: more than the disk "
                f"that {some_agents(short)} offer{'s' if len(short) == 1 else ''}",
                "Leave out what executors do not need by `sparkmesos upload-dist --exclude`, or give agents "
                "more disk (--resources, --work_dir).",
                _KEY,
            ),
        )
    if size > LARGE_BYTES:
        return (
            Problem(
                Severity.NOTE,
                f"The executors' archive is large: {_megabytes(size)}",
                "Leave out what executors do not need by `sparkmesos upload-dist --exclude`.",
                _KEY,
            ),
        )
    return ()


@CHECKS.add(
    "uri-fetch-time",
    "Time to fetch the executors' archive",
    Severity.WARNING,
    finds="an archive that agents can hardly fetch before `--executor_registration_timeout` is over, which "
    "includes fetching (*Executor did not register within*, *REASON_EXECUTOR_REGISTRATION_TIMEOUT*)",
    remedy="Start agents with a longer `--executor_registration_timeout`, or leave out of the archive what "
    "executors do not need.",
)
@of_archive
def _uri_fetch_time(known: Known, look: ArchiveLook) -> Verdict:
    size = look.look.size
    seconds = seconds_of(known[AGENT_FLAGS].get(_TIMEOUT, ""))
    if size is None or not seconds:
        return not_applicable("its size is not told" if size is None else "agents do not tell their timeout")
    rate = size / seconds
    seen = f"{_megabytes(size)} within {seconds:g} s: {_megabytes(rate)} a second"
    return Verdict(seen, fetch_time_problems(size, seconds))


def fetch_time_problems(size: int, seconds: float) -> tuple[Problem, ...]:
    """What is wrong if an agent has so many seconds for so many bytes."""
    rate = size / seconds
    if rate <= _SLOW_NETWORK:
        return ()
    severity = Severity.WARNING if rate > _FAST_NETWORK else Severity.NOTE
    return (
        Problem(
            severity,
            f"Agents give executors {seconds:g} s to start, in which they fetch {_megabytes(size)}: that "
            f"takes {_megabytes(rate)} a second",
            f"Start agents with a longer --{_TIMEOUT}, or leave out of the archive what executors do not "
            "need.",
            _KEY,
        ),
    )


@CHECKS.add(
    "uri-cache",
    "Executors' archive in the fetcher's cache",
    Severity.WARNING,
    finds="a server that does not tell the size of the archive when it is asked by HEAD, as signed URLs: "
    "agents fetch it for each executor again, though the cache is on, and it stays in the sandbox, where "
    "bash finds no way into its folder (*cd: too many arguments*)",
    remedy="Serve it where HEAD is answered with a Content-Length; set `spark.mesos.fetcherCache.enable`.",
)
@of_archive
def _uri_cache(known: Known, look: ArchiveLook) -> Verdict:
    archive = look.archive
    if any(one.id == "executor-uri-no-archive" for one in known[JUDGED]):
        return not_applicable("there is no archive to keep: see uri-type")
    size = f" ({_megabytes(look.look.size)})" if look.look.size is not None else ""
    if not archive.cached:
        hint = f"Set {_CACHE}=true, so that each agent fetches it once."
        problem = Problem(Severity.NOTE, f"Agents fetch the archive{size} for each executor", hint, _CACHE)
        return Verdict(f"{_CACHE} is not true", (problem,))
    if not archive.uri.lower().startswith(("http://", "https://")):
        return Verdict("it is kept in the cache of agents")
    try:
        told = ask_size(archive.uri, known.deadline(), known.subject.options.ca_file)
    except (NotKnownError, NotReadableError):
        return not_applicable("how its server answers HEAD cannot be told from here")
    if told is None:
        problem = Problem(
            Severity.WARNING,
            f"The server of {redact_text(archive.uri)} does not tell its size by HEAD: agents cannot keep it "
            "in their cache",
            "Serve it where HEAD is answered with a Content-Length, as `sparkmesos serve-dist` and nginx do.",
            _KEY,
        )
        return Verdict("HEAD is not answered with a size", (problem,))
    return Verdict(f"{_megabytes(told)}, kept in the cache of agents")


@CHECKS.add(
    "uri-changed",
    "Executors' archive as agents have cached it",
    Severity.NOTE,
    finds="an archive that was replaced under its URI after agents started: those that had cached it before "
    "never ask for it again",
    remedy="Give every version a name of its own; else restart the agents.",
)
@of_archive
def _uri_changed(known: Known, look: ArchiveLook) -> Verdict:
    changed = look.look.changed_at
    if not look.archive.cached or changed is None:
        return not_applicable("agents do not keep it" if changed else "when it was changed is not told")
    before = [agent for agent in known[AGENTS].agents if agent.registered_at < changed]
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(changed))
    if not before:
        return Verdict(f"last changed {when}, before agents registered")
    names = some_agents([agent.facts for agent in before])
    problem = Problem(
        Severity.NOTE,
        f"The executors' archive was changed {when}, after {names} registered: what they have cached stays",
        "If another archive was there before, give this one a new name, or restart the agents.",
        _KEY,
    )
    return Verdict(f"last changed {when}", (problem,))


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"
