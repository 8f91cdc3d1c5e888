"""What goes wrong with a submission where the dispatcher is Spark's own, and not ours.

Sources: `MesosClusterScheduler.getDriverCommandValue` and `SparkSubmitArguments` of the releases named below.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.dispatcher.messages import CreateSubmissionRequest
from sparkmesos_core.redaction import is_secret_name

Version = tuple[int, int, int]
_INSTEAD = "`sparkmesos start-dispatcher` takes its place, with its options and its configuration."
# What bin/sh makes something of although Spark puts double quotes around it, or does not: since 3.0, before.
_SPECIAL = re.compile(r"[\n\t~{}\[\]]|^(?:\".+\"|'.+')$")
_SPECIAL_BEFORE_3 = re.compile(r"[^\w@%+=:,./-]", re.ASCII)


def defects(version: str, request: CreateSubmissionRequest) -> list[Finding]:
    """What the dispatcher of a Spark makes of a submission that it has accepted, all of it warnings.

    `version` is the one that it tells; nothing is found if that is none. If its drivers cannot start at all,
    nothing else is said.
    """
    numbers = _numbers(version)
    if numbers is None:
        return []
    if (fatal := _fatal(version, numbers, request)) is not None:
        return [_warning(f"The dispatcher is that of Spark {version}, {fatal}")]
    found = (check(numbers, request) for check in _CHECKS)
    return [_warning(f"The dispatcher is that of Spark {version}, which {what}") for what in found if what]


def without_drivers(version: str) -> str:
    """Why the dispatcher of a Spark can run no driver at all, to stand behind its name; empty if it can."""
    numbers = _numbers(version)
    if numbers is not None and numbers >= (3, 2, 0):  # SPARK-35013
        return "whose drivers end at once: it passes --driver-cores 1.0, which its own spark-submit refuses"
    return ""


def _numbers(version: str) -> Version | None:
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def _fatal(text: str, version: Version, request: CreateSubmissionRequest) -> str | None:
    if always := without_drivers(text):
        return always
    if (3, 0, 0) <= version < (3, 1, 0) and not _python_files(request):  # SPARK-32675
        return (
            "whose drivers end at once if they have no --py-files: it passes the option without a value, and "
            "the next one is taken for it"
        )
    return None


def _secrets(version: Version, request: CreateSubmissionRequest) -> str:
    names = sorted(name for name, value in request.spark_properties.items() if is_secret_name(name) and value)
    ours = [name for name in names if not name.startswith("spark.mesos.dispatcher.")]
    if not ours:
        return ""
    return f"puts {', '.join(ours)} on the command line of the driver, which everybody on its agent can see"


def _arguments(version: Version, request: CreateSubmissionRequest) -> str:
    special = _SPECIAL if version >= (3, 0, 0) else _SPECIAL_BEFORE_3
    if all(text and not special.search(text) for text in request.app_args):
        return ""
    return (
        "does not quote all that a shell makes something of: it may change arguments of the application, run "
        "what is behind a line feed, and it drops empty ones"
    )


def _image(version: Version, request: CreateSubmissionRequest) -> str:
    image = request.spark_properties.get("spark.mesos.executor.docker.image")
    if not image or not _python_files(request) or version < (2, 4, 0):
        return ""
    return "does not let drivers in an image find --py-files: it quotes the name of the sandbox"


def _jars(version: Version, request: CreateSubmissionRequest) -> str:
    jars = to_sequence(request.spark_properties.get("spark.jars", ""))
    if all(jar == request.app_resource for jar in jars):
        return ""
    return "does not pass --jars on to drivers"


_CHECKS: tuple[Callable[[Version, CreateSubmissionRequest], str], ...] = (
    _secrets,
    _arguments,
    _image,
    _jars,
)


def _python_files(request: CreateSubmissionRequest) -> list[str]:
    return to_sequence(request.spark_properties.get("spark.submit.pyFiles", ""))


def _warning(message: str) -> Finding:
    return Finding("sparks-dispatcher", Severity.WARNING, message, _INSTEAD)
