"""What agents fetch into a driver's sandbox, and what the files are called there.

The fetcher's rules are those of Mesos (docs/fetcher.md, `Fetcher::basename`); which URIs there are, and in
which order, is Spark's `MesosClusterScheduler.getDriverUris`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.conf.values.scalars import parse_boolean
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.redaction import redact_text

_WITH_QUERY = ("http", "https", "ftp", "ftps")
"""The schemes for which what follows a `?` or `#` is not of the file's name."""
_REFUSED = "\\'\0"
"""What no URI may hold, for Mesos."""
_RESOLUTION = "spark.mesos.appJar.local.resolution.mode"


@dataclass(frozen=True)
class FetchedUri:
    """Something to fetch."""

    value: str
    name: str
    """What it is called in the sandbox."""
    output_file: str | None = None
    """The same, where Mesos has to be told: it takes a query for a part of the name."""

    def to_json(self, *, cache: bool, unpack: bool) -> dict[str, Any]:
        """A v1 CommandInfo.URI. Mesos unpacks archives unless it is told not to."""
        found: dict[str, Any] = {"value": self.value, "cache": cache}
        if not unpack:
            found["extract"] = False
        if self.output_file is not None:
            found["output_file"] = self.output_file
        return found


def fetched_uri(text: str) -> FetchedUri:
    """How a URI, or a path of the agent, is fetched.

    For Mesos `file:/path` is a relative path and `local:` nothing at all, so both become the path that they
    mean, wherever they stand; Spark does that for the application only, and leaves `%20` in it. A signed URL
    is named for its path, without which Mesos would neither unpack it nor find a name that Python takes.
    Raises UsageError if it names no file, and for what Mesos refuses.
    """
    uri = text.strip()
    path = agent_path(uri)
    if path is not None:
        # As executors have it, if Mesos understands it: then both find it in the fetcher's cache.
        value = uri if uri.startswith("file:///") and "%" not in uri else path
        return FetchedUri(_allowed(value), _last_segment(path.rstrip("/"), uri))
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return FetchedUri(_allowed(uri), _last_segment(uri.rstrip("/"), uri))
    value, plain = uri, rest
    if scheme.lower() in _WITH_QUERY:
        plain = rest.partition("#")[0].partition("?")[0]
        value = uri.replace(" ", "%20")  # which nobody fetches as it is
    # What follows a slash is the name: without one there is only a host.
    name = _last_segment(plain if "/" in plain else "", uri)
    return FetchedUri(_allowed(value), name, None if value.endswith(f"/{name}") else name)


def agent_path(uri: str) -> str | None:
    """The path that a `file:` or `local:` URI means, without escapes and authority; None for any other."""
    scheme, colon, rest = uri.partition(":")
    if not colon or scheme.lower() not in ("file", "local"):
        return None
    if rest.startswith("//"):
        rest = "/" + rest[2:].partition("/")[2]
    return unquote(rest)


def container_path(uri: str, properties: Mapping[str, str]) -> str | None:
    """The path inside the driver's container that a URI means; None if agents fetch it.

    That is `local:` with `spark.mesos.appJar.local.resolution.mode` at `container` (Spark 2.4 and newer).
    """
    if properties.get(_RESOLUTION, "host").strip() != "container":
        return None
    return agent_path(uri.strip()) if uri.strip().lower().startswith("local:") else None


def python_files(properties: Mapping[str, str]) -> list[str]:
    """The URIs of `spark.submit.pyFiles`."""
    return to_sequence(properties.get("spark.submit.pyFiles", ""))


def other_jars(submission: Submission) -> list[str]:
    """The URIs of `spark.jars` but for the application, which clients put among them.

    Spark's dispatcher loses them all: `MesosClusterScheduler` passes `spark.jars` on to no driver.
    """
    given = to_sequence(submission.properties.get("spark.jars", ""))
    application = _place_of(submission.app_resource)
    return [uri for uri in given if _place_of(uri) != application]


def archive_uri(submission: Submission) -> str | None:
    """Where Spark comes from: `spark.executor.uri`, else the variable SPARK_EXECUTOR_URI; None: neither."""
    for found in (
        submission.properties.get("spark.executor.uri"),
        submission.environment.get("SPARK_EXECUTOR_URI"),
    ):
        if found and found.strip():
            return found.strip()
    return None


def fetched_by_executors(submission: Submission) -> dict[str, str]:
    """The properties by which executors fetch, where they name something that Mesos would not understand.

    Spark hands such URIs to Mesos as they are. A comma separates them, so what would get one stays.
    """
    found = {}
    archive = archive_uri(submission)
    if archive is not None and (value := fetched_uri(archive).value) != archive:
        found["spark.executor.uri"] = value
    given = to_sequence(submission.properties.get("spark.mesos.uris", ""))
    values = [uri if "," in (value := fetched_uri(uri).value) else value for uri in given]
    if values != given:
        found["spark.mesos.uris"] = ",".join(values)
    return found


def driver_uris(
    submission: Submission, dispatcher: Mapping[str, str], bridge: str | None
) -> list[dict[str, Any]]:
    """All v1 CommandInfo.URIs of a driver. `dispatcher` are the dispatcher's properties.

    The application and Python's files are left packed, unlike in Spark: of an archive in the fetcher's cache
    only the contents get into the sandbox, and a driver with a zip for Python does not find it. Raises
    UsageError for one that names no file.
    """
    properties = submission.properties
    cache = any(
        parse_boolean(configuration.get("spark.mesos.fetcherCache.enable") or "false")
        for configuration in (properties, dispatcher)
    )
    application, *python = (
        [fetched_uri(uri)] if container_path(uri, properties) is None else []
        for uri in (submission.app_resource, *python_files(properties))
    )
    archive = archive_uri(submission)
    others = [
        *to_sequence(dispatcher.get("spark.mesos.uris", "")),
        *to_sequence(properties.get("spark.mesos.uris", "")),
    ]
    last = [uri for uri in (archive, bridge) if uri is not None]
    packed = {"cache": cache, "unpack": False}
    unpacked = {"cache": cache, "unpack": True}
    found = [
        *(uri.to_json(**packed) for uri in application),
        *(fetched_uri(uri).to_json(**unpacked) for uri in others),
        *(uri.to_json(**packed) for uris in python for uri in uris),
        *(fetched_uri(uri).to_json(**unpacked) for uri in last),
    ]
    return [uri for place, uri in enumerate(found) if uri not in found[:place]]


def _place_of(uri: str) -> str:
    """One text for `file:/a`, `file:///a` and `local:/a`: clients write the same file in several ways."""
    uri = uri.strip()
    return agent_path(uri) or uri


def _allowed(value: str) -> str:
    if any(character in value for character in _REFUSED):
        raise UsageError(
            f"{quoted(redact_text(value))} has a character that Mesos refuses in URIs",
            hint="Rename the file: no backslash, no single quote.",
        )
    return value


def _last_segment(path: str, uri: str) -> str:
    name = path.rpartition("/")[2]
    if name in ("", ".", ".."):
        raise UsageError(
            f"{quoted(redact_text(uri))} names no file", hint="Give the URI of a file that agents can fetch."
        )
    return name
