"""Files of this machine that an application needs and that are not there, before a JVM finds out.

Looks at the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import printable
from sparkmesos_core.redaction import redact_arguments
from sparkmesos_core.spark.arguments import SHELLS, SubmitArguments

RULE = "missing-file"
"""The id of these findings."""

# Spark's driver ends without a file, an archive or a Python file to distribute (`SparkContext.addFile`), and
# goes on without a jar (`SparkContext.addJar`).
_LISTS: Mapping[str, Severity] = {
    "spark.files": Severity.ERROR,
    "spark.submit.pyFiles": Severity.ERROR,
    "spark.archives": Severity.ERROR,
    "spark.jars": Severity.WARNING,
}
_PATTERN = frozenset("*?[]{}\\")
_APPLICATIONS = (".py", ".R", ".r", ".jar")


def missing_files(
    arguments: SubmitArguments, configuration: Configuration, directory: Path, *, starts_here: bool = True
) -> Iterator[Finding]:
    """What of a submission in client mode names a file of this machine that does not exist, or is none.

    That is the application, and what --files, --py-files, --archives and --jars, or their properties, list.
    `directory` is the one that relative paths are relative to. Patterns are left to Spark. Unless it
    `starts_here`, what a file or a variable lists may be there where it does, and is no error.
    """
    resource = arguments.resource or ""
    if (
        ":" not in resource
        and Path(resource).suffix in _APPLICATIONS
        and not (directory / resource).is_file()
    ):
        yield Finding(
            RULE,
            Severity.ERROR,
            f"The application {_shown(resource)} does not exist",
            "Correct its path, which is taken from the current folder; or give its URL.",
        )
    elif _is_folder(resource, directory) and arguments.main_class is None:
        # Spark would take it for a JAR, and look for its main class.
        yield Finding(
            RULE,
            Severity.ERROR,
            f"The application {_shown(resource)} is a folder",
            "Name the JAR, the Python file or the R file in it.",
        )
    for key, severity in _LISTS.items():
        setting = configuration.setting(key)
        for item in to_sequence(setting.value) if setting is not None else ():
            path = _local_path(item, directory)
            if setting is None or path is None or os.path.exists(path):  # noqa: PTH110 - which never raises
                continue
            effect = "" if severity is Severity.ERROR else ": Spark would go on without it"
            elsewhere = not starts_here and setting.origin.source not in (Source.OPTION, Source.CONF)
            yield Finding(
                RULE,
                Severity.WARNING if elsewhere else severity,
                f"The file {_shown(item)} does not exist{effect}",
                "Correct its path, which is taken from the current folder; or give its URL.",
                key,
                setting.origin,
            )


def _is_folder(resource: str, directory: Path) -> bool:
    """Whether an application is a folder; an empty name is none, and has a message of its own."""
    named = resource.strip() and ":" not in resource and resource not in SHELLS
    return bool(named) and os.path.isdir(directory / resource)  # noqa: PTH112 - which never raises


def _local_path(item: str, directory: Path) -> str | None:
    """The path of what names one file of this machine; None for URLs and patterns."""
    from sparkmesos_core.spark.java_uri import parse_uri, resolve_uri

    try:
        uri = parse_uri(resolve_uri(item, directory))
    except UsageError:  # it can be no path at all
        return None
    if uri is None or (uri.scheme or "").lower() != "file" or uri.authority:
        return None
    return None if _PATTERN & set(uri.decoded_path) else uri.decoded_path


def _shown(text: str) -> str:
    (shown,) = redact_arguments([text])  # it may be a property whose --conf was forgotten
    return printable(shown)
