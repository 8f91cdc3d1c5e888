"""Whether agents can fetch the archive that executors are started from, and find Spark in it.

An agent that cannot fails every executor; after two failures Spark excludes it for good, and the application
hangs. What is looked for is what the Mesos fetcher does (`src/launcher/fetcher.cpp`) and the command that
Spark gives (`MesosCoarseGrainedSchedulerBackend.createCommand`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

from sparkmesos_core.conf.checks.deployment import UNPACKED
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.dist.names import executor_prefix, is_extracted
from sparkmesos_core.preflight.agent_flags import read_agent_flags, shares_files
from sparkmesos_core.preflight.agent_names import some, spread
from sparkmesos_core.preflight.archive_entries import MOST_BYTES
from sparkmesos_core.preflight.archive_layout import Beginning, Layout, look_at
from sparkmesos_core.preflight.cluster_facts import AgentFacts, ClusterFacts
from sparkmesos_core.preflight.name_lookup import look_up
from sparkmesos_core.preflight.reading_failures import NotKnownError, NotReadableError
from sparkmesos_core.preflight.this_machine import is_address, is_loopback_name, this_machine
from sparkmesos_core.preflight.uri_reading import open_beginning
from sparkmesos_core.quoting import quoted
from sparkmesos_core.redaction import redact_text

_KEY = "spark.executor.uri"
_VARIABLE = "SPARK_EXECUTOR_URI"
_CACHE = "spark.mesos.fetcherCache.enable"
_URIS = "spark.mesos.uris"
_ZIP = b"PK"
_BEFORE_ZIP = (b"MZ", b"#!", b"\x7fELF")
"""What those zip archives begin with that unpack themselves."""
_MOST_NAMES = 8
_CHECK = "`sparkmesos upload-dist` makes and uploads an archive that fits."


def check_executor_uri(
    configuration: Mapping[str, str],
    facts: ClusterFacts | None,
    environment: Mapping[str, str],
    *,
    deadline: float,
    ca_file: Path | None = None,
) -> list[Finding]:
    """An error if the archive cannot be fetched or executors would not find Spark in it; else a warning or
    nothing.

    It is looked at from this machine, no more than its beginning; nothing is found where agents may fare
    better: with other credentials, proxies, Hadoop clients. A path is looked at if all agents that take part
    are on this machine, and have its files. `ca_file` holds certificates to trust besides the usual ones.
    Reading ends at the `deadline` (of `time.monotonic`), though looking up a host may take longer.
    """
    archive = executor_archive(configuration, environment)
    if archive is None:
        return []
    here, elsewhere = this_machine().divide(facts) if facts is not None else ([], [])
    if archive.is_path and (elsewhere or not here or not _share_files(here[0], deadline)):
        return []  # they have files of their own
    if found := of_loopback(archive, elsewhere):
        return [found]
    uri = archive.uri
    try:
        with open_beginning(uri, environment, size=MOST_BYTES, deadline=deadline, ca_file=ca_file) as pieces:
            return judge_content(archive, pieces)
    except NotReadableError as error:
        return [judge_failure(archive, error, elsewhere, "--no-preflight", deadline)]
    except NotKnownError:
        return []


@dataclass(frozen=True)
class ExecutorArchive:
    """The archive that executors are started from, as it is configured."""

    uri: str
    cached: bool
    """Whether agents keep it in their fetcher's cache, out of sandboxes."""
    alone: bool
    """Whether nothing else is unpacked into the sandbox, in which Spark could be."""

    @property
    def name(self) -> str:
        """What it is called in the sandbox."""
        return self.uri.rpartition("/")[2]

    @property
    def is_path(self) -> bool:
        """Whether it is a file of each agent's own."""
        scheme, separator, _ = self.uri.partition("://")
        return not separator or scheme.lower() == "file"

    @property
    def host(self) -> str:
        """The server's; empty if there is none, or the URI is malformed, which reading it says."""
        try:
            return urlsplit(self.uri).hostname or ""
        except ValueError:
            return ""


def executor_archive(
    configuration: Mapping[str, str], environment: Mapping[str, str]
) -> ExecutorArchive | None:
    """What `spark.executor.uri`, else SPARK_EXECUTOR_URI, names; None if neither is set."""
    uri = (configuration.get(_KEY) or environment.get(_VARIABLE) or "").strip()
    if not uri:
        return None
    cached = configuration.get(_CACHE, "").strip().lower() == "true"
    others = configuration.get(_URIS, "").split(",")
    return ExecutorArchive(uri, cached, alone=not any(one.strip().endswith(UNPACKED) for one in others))


def of_loopback(archive: ExecutorArchive, elsewhere: Sequence[AgentFacts]) -> Finding | None:
    """A warning if agents `elsewhere` would look for it on their own loopback."""
    if not elsewhere or not is_loopback_name(archive.host):
        return None
    names = some(list(dict.fromkeys(agent.hostname for agent in elsewhere)))
    return _finding(
        "executor-uri-on-loopback",
        archive.uri,
        f"is of this machine's loopback, and other machines ({names}) look for it on theirs",
        "Give the name or address of the server that agents reach.",
        certain=False,
    )


def judge_content(archive: ExecutorArchive, pieces: Iterator[bytes]) -> list[Finding]:
    """What is wrong with what it holds, by its beginning. Raises what `pieces` raises."""
    if is_extracted(archive.name) and executor_prefix(archive.name):
        return _judged(archive, look_at(pieces, archive.name, cached=archive.cached))
    return _not_for_tar(archive, pieces)


def judge_failure(
    archive: ExecutorArchive,
    error: NotReadableError,
    elsewhere: Sequence[AgentFacts],
    option: str,
    deadline: float,
) -> Finding:
    """That it cannot be read, as an error if agents most likely fare no better; `option` passes over it."""
    certain = error.certain and not (error.by_name and ask_other_name_servers(elsewhere, deadline))
    return _finding(
        "executor-uri-unfetchable", archive.uri, error.said, error.hint_with(option), certain=certain
    )


def _not_for_tar(archive: ExecutorArchive, pieces: Iterator[bytes]) -> list[Finding]:
    """What is wrong with something that tar does not unpack, by its name.

    An archive of another name, which rules of the configuration warn of, can be renamed; nothing else can
    be used.
    """
    uri, name = archive.uri, archive.name
    start = next(pieces, b"")
    if name.endswith(".zip"):
        found = None if start.startswith((_ZIP, *_BEFORE_ZIP)) else _no_archive(uri, start)
    elif name.endswith(UNPACKED) or start.startswith(_ZIP):
        found = None
    else:
        layout = look_at(chain((start,), pieces), name, cached=False).layout
        found = _no_archive(uri, start, certain=archive.alone) if layout is Layout.NO_ARCHIVE else None
    return [found] if found is not None else []


def _no_archive(uri: str, start: bytes, *, certain: bool = True) -> Finding:
    what = "a web page" if start.lstrip().startswith(b"<") else "no archive that agents can unpack"
    hint = f"See what is there, and that the whole of it was uploaded. {_CHECK}"
    return _finding("executor-uri-no-archive", uri, f"is {what}", hint, certain=certain)


def _judged(archive: ExecutorArchive, found: Beginning) -> list[Finding]:
    uri, alone = archive.uri, archive.alone
    base = f"{executor_prefix(archive.name)}*"
    folder = quoted(found.folder)
    match found.layout:
        case Layout.OTHER_FOLDER:
            problem = f"holds Spark in the folder {folder}, and executors run `cd {base}`"
            hint = f"Call the archive {found.folder}.tgz. {_CHECK}"
        case Layout.BEHIND_ARCHIVE:
            problem = (
                f"and its folder {folder} both match `cd {base}`, which executors run: the archive comes "
                "first, and is no folder"
            )
            hint = f"Call the archive {found.folder}.tgz, or set {_CACHE}=true: then it is not beside it."
        case Layout.NO_SPARK:
            problem = f"holds the folder {folder} for `cd {base}`, which executors run, but no Spark"
            return [_finding("executor-uri-top-folder", uri, problem, _CHECK, certain=alone)]
        case Layout.NO_FOLDER if found.whole:
            problem = f"holds no folder for `cd {base}`, which executors run, but {folder}"
            return [_finding("executor-uri-top-folder", uri, problem, _CHECK, certain=alone)]
        case Layout.NO_FOLDER:
            problem = f"begins with {folder} instead of a folder for `cd {base}`, which executors run"
            return [_finding("executor-uri-top-folder", uri, problem, _CHECK, certain=False)]
        case Layout.NO_ARCHIVE:
            return [_no_archive(uri, found.start)]
        case Layout.FINE | Layout.UNKNOWN:
            return []
    return [_finding("executor-uri-top-folder", uri, problem, hint)]


def _finding(id: str, uri: str, problem: str, hint: str, *, certain: bool = True) -> Finding:
    severity = Severity.ERROR if certain else Severity.WARNING
    return Finding(id, severity, f"The executors' archive {redact_text(uri)} {problem}", hint, _KEY)


def ask_other_name_servers(elsewhere: Sequence[AgentFacts], deadline: float) -> bool:
    """Whether agents most likely ask other name servers: this machine's know none of the agents."""
    names = [agent.hostname for agent in elsewhere if not is_address(agent.hostname)]
    lookups = look_up(spread(names, _MOST_NAMES), deadline)
    return bool(lookups) and not any(lookup.addresses for lookup in lookups.values())


def _share_files(agent: AgentFacts, deadline: float) -> bool:
    flags = read_agent_flags(agent, deadline=deadline)
    return flags is not None and shares_files(flags)
