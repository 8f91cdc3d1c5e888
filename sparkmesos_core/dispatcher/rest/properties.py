"""Whether the properties of a submission can be used, before it is accepted.

Spark's dispatcher looks at most of them when it launches the driver, where a bad one takes all drivers with
it, or leaves it to the driver to fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from sparkmesos_core.conf.properties.registered_property import Property, Reader
from sparkmesos_core.conf.properties.registry import find_property
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.conf.values.secrets import Secret, parse_secrets
from sparkmesos_core.dispatcher.rest.problems import Problem
from sparkmesos_core.dispatcher.rest.uris import uri_problem
from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.container import takes_secrets
from sparkmesos_core.launch.secrets import is_secret
from sparkmesos_core.quoting import quoted
from sparkmesos_core.redaction import is_secret_name, redact_text

_READERS = frozenset({Reader.SUBMISSION, Reader.BACKEND, Reader.DRIVER})
_SECRET_LISTS = ("names", "values", "envkeys", "filenames")
_LINK = "URL"
"""The type of what is only ever shown as a link."""
_LONGEST_CACHED = 200
_BLANKS_HINT = "Spark reads it from a file on the agent, and takes the blanks off: leave them out."
_MESOS_HINT = "Set spark.mesos.containerizer to mesos, or give secrets by value, as variables."
_NAME_HINT = "A name is not empty and has no '='."


def property_problems(properties: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with single properties that the dispatcher, or the driver on Mesos, reads."""
    for key, text in properties.items():
        if not key or "=" in key:
            yield Problem(quoted(key)[1:-1] or "sparkProperties", "no property has this name", _NAME_HINT)
            continue
        if text != text.strip() and is_secret(key, text):
            yield Problem(quoted(key)[1:-1], "it is a secret with blanks around it", _BLANKS_HINT)
            continue
        found = _checked(key) if len(key) <= _LONGEST_CACHED else None
        if found is None or ("${" in text and Reader.SUBMISSION not in found.readers):
            continue  # what is in ${} is put in by the driver
        try:
            found.type.parse(text)
        except UsageError as error:
            yield _problem(key, text, found, error)


def combination_problems(properties: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with properties that belong together, or hold URIs."""
    for side in ("driver", "executor"):
        prefix = f"spark.mesos.{side}.secret."
        lists = [properties.get(prefix + name, "") for name in _SECRET_LISTS]
        if any(lists):
            try:
                secrets = parse_secrets(*lists)
            except UsageError as error:
                yield Problem(f"{prefix}*", error.message, error.hint)
            else:
                if _is_of_docker(properties):
                    yield from (_untold_secrets if side == "driver" else _executor_secrets)(prefix, secrets)
    for key in ("spark.executor.uri", "spark.mesos.dispatcher.bridge.uri"):
        uri = properties.get(key)
        if uri is not None and (reason := uri_problem(uri.strip())) is not None:
            yield Problem(key, *reason)
    for key in ("spark.mesos.uris", "spark.submit.pyFiles"):
        for uri in to_sequence(properties.get(key, "")):
            if (reason := uri_problem(uri)) is not None:
                yield Problem(key, *reason)
    if properties.get("spark.mesos.executor.docker.image") == "":
        yield Problem("spark.mesos.executor.docker.image", "it is empty", "Remove it, or name an image.")


def _is_of_docker(properties: Mapping[str, str]) -> bool:
    try:
        return not takes_secrets(properties)
    except UsageError:
        return False  # there is no such containerizer, which is said of its property


def _untold_secrets(prefix: str, secrets: Sequence[Secret]) -> Iterator[Problem]:
    """Those that the Docker containerizer would silently leave out (docs/secrets.md of Mesos)."""
    if any(secret.reference is not None for secret in secrets):
        yield Problem(f"{prefix}names", "the Docker containerizer looks up no secrets", _MESOS_HINT)
    if any(secret.file is not None for secret in secrets):
        yield Problem(f"{prefix}filenames", "the Docker containerizer makes no files of secrets", _MESOS_HINT)


def _executor_secrets(prefix: str, secrets: Sequence[Secret]) -> Iterator[Problem]:
    """The same for executors, whose secrets Spark itself hands to Mesos: also those by value as such."""
    if any(secret.variable is not None or secret.file is not None for secret in secrets):
        yield Problem(
            f"{prefix}*",
            "the Docker containerizer hands no secrets on to executors",
            "Set spark.mesos.containerizer to mesos.",
        )


@lru_cache(maxsize=4096)
def _checked(key: str) -> Property | None:
    found = find_property(key)
    if found is None or not found.readers & _READERS or found.type.name in (_LINK, "text", "path"):
        return None
    return found


def _problem(key: str, text: str, found: Property, error: UsageError) -> Problem:
    # What is wrong with a secret can only be said by quoting it.
    if found.secret or is_secret_name(key) or redact_text(text) != text:
        return Problem(key, f"its value is not {found.type.expects}")
    return Problem(key, error.message, error.hint)
