"""What agents fetch into a driver's sandbox.

Which URIs there are, and in which order, is Spark's `MesosClusterScheduler.getDriverUris`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.conf.values.scalars import parse_boolean
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.launch.fetched_uris import agent_path, fetched_uri

_RESOLUTION = "spark.mesos.appJar.local.resolution.mode"


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
