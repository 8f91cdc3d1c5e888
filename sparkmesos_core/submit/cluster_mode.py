"""Cluster-mode submission: a dispatcher is asked to run the driver, without any JVM on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest
from sparkmesos_core.errors import UsageError
from sparkmesos_core.master import Dispatcher, parse_dispatcher
from sparkmesos_core.quoting import printable

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.conf.configuration import Configuration

ASSUMED_SPARK_VERSION = "3.5.9"
"""The `clientSparkVersion` of a request that is made where there is no Spark: whose rules we follow."""

# Which files the driver and its executors fetch, with the options that mean these properties.
FILE_LISTS = {
    "spark.jars": "--jars",
    "spark.files": "--files",
    "spark.submit.pyFiles": "--py-files",
    "spark.archives": "--archives",
}
_UNSEEN_HINT = (
    "Let it be uploaded to where agents can fetch it with --stage URL; or, if every agent has it at the same"
    " place, write it as a URL: {url}."
)


def dispatcher_of(configuration: Configuration) -> Dispatcher:
    """The dispatcher that the configuration names as master. Raises UsageError or MasterUrlError."""
    text = configuration.get("spark.master")
    if not text:
        raise UsageError(
            "No dispatcher given", hint="Use --master mesos://HOST:7077, the address of a dispatcher."
        )
    return parse_dispatcher(text)


def request_for(client: ClientConfiguration, directory: Path, now_ms: int) -> CreateSubmissionRequest:
    """What the dispatcher is asked to run.

    `client` has passed `check_values`; `directory` is the one that relative paths are relative to; `now_ms`
    is the time, in milliseconds since the epoch. Raises UsageError, also for files that agents cannot see.
    """
    from sparkmesos_core.redaction import redact_arguments
    from sparkmesos_core.spark.argument_bytes import check_arguments
    from sparkmesos_core.spark.cluster_request import cluster_request

    for what, text in _unseen(client, directory):
        (shown,) = redact_arguments([text])  # it may be a property whose --conf was forgotten
        path = Path(shown.partition("#")[0])
        url = (path if path.is_absolute() else directory / path).as_uri()
        raise UsageError(
            f"{what} is a path on this machine, where the agents cannot see it: {printable(shown)}",
            hint=_UNSEEN_HINT.format(url=url),
        )
    # Options too: the driver's own spark-submit gets their values as arguments.
    check_arguments((*client.arguments.options, *client.arguments.application))
    return cluster_request(
        client.arguments,
        client.configuration,
        client.env.variables,
        spark_version=client.spark.version if client.spark else ASSUMED_SPARK_VERSION,
        directory=directory,
        now_ms=now_ms,
    )


def printable_request(request: CreateSubmissionRequest) -> str:
    """The request as JSON, secrets replaced: for people, it cannot be sent."""
    import json

    from sparkmesos_core.conf.shown_values import shown_value
    from sparkmesos_core.redaction import redact_arguments

    content = request.to_json()
    for part in ("sparkProperties", "environmentVariables"):
        content[part] = {name: shown_value(name, value) for name, value in content[part].items()}
    (content["appResource"],) = redact_arguments([content["appResource"]])
    content["appArgs"] = redact_arguments(content["appArgs"])
    return json.dumps(content, indent=2, ensure_ascii=False)


def is_path(text: str, directory: Path) -> bool:
    """Whether Spark would take this for a path and not for a URI."""
    from sparkmesos_core.spark.java_uri import resolve_uri

    return resolve_uri(text, directory).startswith("file:") and not text.lower().startswith("file:")


def is_application_path(resource: str, directory: Path) -> bool:
    """Whether this, given as the application, is a path; words that mean none are not."""
    from sparkmesos_core.spark.arguments import NO_RESOURCE, RUN_EXAMPLE, SHELLS

    return resource not in (NO_RESOURCE, RUN_EXAMPLE, *SHELLS) and is_path(resource, directory)


def _unseen(client: ClientConfiguration, directory: Path) -> Iterator[tuple[str, str]]:
    """Plain paths among what agents have to fetch, each with what it is."""
    resource = client.arguments.resource
    if resource is not None and is_application_path(resource, directory):
        yield "The application", resource
    for key, option in FILE_LISTS.items():
        setting = client.configuration.setting(key)
        for text in setting.value.split(",") if setting else ():
            if setting and text.strip() and is_path(text.strip(), directory):
                given = option if setting.origin.name == option else f"{key} ({setting.origin})"
                yield f"What {given} names", text.strip()
