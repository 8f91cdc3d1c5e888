"""Rules about names and values: whether there is such a property, and whether its value can be one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.rule import APPLICATION, Found, Rules, Subject, is_quoted, is_reference
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.properties.registered_property import Property, Reader
from sparkmesos_core.conf.properties.registry import PROPERTIES, find_property, similar_names
from sparkmesos_core.conf.setting import Setting, Source
from sparkmesos_core.errors import UsageError
from sparkmesos_core.redaction import redact_text

RULES = Rules()

DRIVER_DEFAULT = "spark.mesos.dispatcher.driverDefault."
READERS = {
    Mode.CLIENT: frozenset({Reader.CLIENT, Reader.BACKEND, Reader.DRIVER}),
    Mode.CLUSTER: frozenset({Reader.CLIENT, Reader.SUBMISSION, Reader.BACKEND, Reader.DRIVER}),
    Mode.DISPATCHER: frozenset({Reader.DISPATCHER}),
    Mode.SHUFFLE_SERVICE: frozenset({Reader.SHUFFLE_SERVICE}),
}
"""Whose properties have an effect in a mode."""


def settings(subject: Subject) -> Iterator[Setting]:
    """The effective settings, in the order of their keys."""
    for key in sorted(subject.configuration):
        setting = subject.setting(key)
        assert setting is not None
        yield setting


def meant(setting: Setting) -> tuple[str, str]:
    """The key that a setting is about and its value: of a default for drivers, the driver's property."""
    inner = setting.key.removeprefix(DRIVER_DEFAULT)
    return inner or setting.key, setting.value


@RULES.add(
    "unknown-property",
    Severity.ERROR,
    "a `spark.mesos.*` property that no Spark knows: an error if it looks like a typing mistake, a warning "
    "if it looks like nothing that is known",
)
def _unknown(subject: Subject) -> Iterable[Found]:
    for setting in settings(subject):
        key, _ = meant(setting)
        if not key.startswith("spark.mesos.") or find_property(key) is not None:
            continue
        if key in _OF_A_FORK:
            yield Found(
                f"Only the Spark of DC/OS reads {key}; Apache Spark passes over it",
                "Nothing to do with that Spark, else remove it.",
                setting.key,
                Severity.WARNING,
            )
            continue
        near = similar_names(key)
        yield Found(
            f"No Spark knows a property {key}, so it has no effect",
            f"Did you mean {either(near)}?"
            if near
            else "`sparkmesos config list` shows those that there are; remove it unless a library of yours "
            "reads it.",
            setting.key,
            Severity.ERROR if near else Severity.WARNING,
        )


@RULES.add(
    "misspelt-property",
    Severity.WARNING,
    "a property that is not registered, and a single typing mistake away from one that is",
)
def _misspelt(subject: Subject) -> Iterable[Found]:
    for setting in settings(subject):
        key, _ = meant(setting)
        if key.startswith("spark.mesos.") or find_property(key) is not None:
            continue
        for known in PROPERTIES:
            if known.prefix is None and is_one_mistake_away(key, known.name):
                yield Found(
                    f"{key} looks like a misspelt {known.name}",
                    f"Write {known.name}, or leave it if a library of yours reads {key}.",
                    setting.key,
                )
                break


@RULES.add(
    "ignored-property",
    Severity.WARNING,
    "a key that does not begin with `spark.`, which Spark drops",
)
def _ignored(subject: Subject) -> Iterable[Found]:
    for setting in subject.configuration.ignored:
        guess = f"spark.{setting.key}"
        known = find_property(guess) is not None
        yield Found(
            f"Spark drops the property {setting.key}, because its name does not begin with 'spark.'",
            f"Did you mean {guess}?"
            if known
            else "Remove it; a property of Hadoop is set as spark.hadoop.NAME.",
            setting.key,
            origin=setting.origin,
        )


@RULES.add(
    "wrong-value",
    Severity.ERROR,
    "a value that is not of its property's type; a warning if nobody reads the property here, or if it is "
    "only a link",
)
def _wrong_value(subject: Subject) -> Iterable[Found]:
    for setting in settings(subject):
        key, text = meant(setting)
        found = subject.property(key)
        if found is None or is_reference(text) or _is_mistakenly_quoted(text, found):
            continue
        try:
            found.type.parse(text)
        except UsageError as error:
            # What is wrong with a secret can only be said by quoting it.
            quotable = not found.secret and redact_text(text) == text
            reason = f"cannot be used: {error.message}" if quotable else f"is not {found.type.expects}"
            hint = error.hint if quotable else ""
            matters = found.type.name != "URL"  # which Spark only hands on, to be a link somewhere
            if found.type.name == "labels" and setting.origin.source is Source.FILE:
                hint += " In a properties file each backslash has to be doubled: key:a\\\\:b."
            yield Found(
                f"The value of {setting.key} {reason}",
                hint.strip(),
                setting.key,
                Severity.ERROR if is_read(subject, setting, found) and matters else Severity.WARNING,
            )


@RULES.add(
    "quoted-value",
    Severity.ERROR,
    "a value in quotes, which are part of it: in a properties file there are none; a warning where it may be "
    "meant, as in a name",
)
def _quoted(subject: Subject) -> Iterable[Found]:
    for setting in settings(subject):
        key, text = meant(setting)
        found = subject.property(key)
        in_file = setting.origin.source is Source.FILE
        if not _is_mistakenly_quoted(text, found) or is_reference(text) or (found is None and not in_file):
            continue
        may_be_meant = (
            found is None
            or found.secret
            or key in _ANY_TEXT
            or found.prefix is not None
            or not is_read(subject, setting, found)
        )
        yield Found(
            f"The quotes around the value of {setting.key} are part of it",
            "Remove them: what follows the name up to the end of the line is the value."
            if in_file
            else "Remove them, or leave it to the shell to take them off.",
            setting.key,
            Severity.WARNING if may_be_meant else None,
        )


@RULES.add(
    "unit-forgotten",
    Severity.WARNING,
    "a time without a unit that fits another unit better: `spark.executor.heartbeatInterval` below a second, "
    "in ms, or `spark.network.timeout` of hours, in seconds",
    modes=APPLICATION,
)
def _units(subject: Subject) -> Iterable[Found]:
    # Larger ones are people's way to say never.
    for key, unit, other, doubtful in (
        ("spark.executor.heartbeatInterval", "ms", "s", range(1, 1000)),
        ("spark.network.timeout", "s", "ms", range(30_000, 3_600_001, 1000)),
    ):
        text = (subject.text(key) or "").strip()
        if re.fullmatch(r"[0-9]{1,9}", text) and int(text) in doubtful:
            meant = f"{text}s" if other == "s" else f"{int(text) // 1000}s"
            yield Found(
                f"{key} is {text}, which without a unit means {text} {unit}",
                f"Write the unit: {meant}, or {text}{unit} if that is meant.",
                key,
            )


@RULES.add(
    "placeholder",
    Severity.ERROR,
    "a URI, path or image that still holds a placeholder of the documentation, such as `<path to "
    "libmesos.so>`",
)
def _placeholder(subject: Subject) -> Iterable[Found]:
    for key in (
        "spark.executor.uri",
        "spark.mesos.uris",
        "spark.mesos.executor.home",
        "spark.mesos.executor.docker.image",
        "spark.mesos.principal.file",
        "spark.mesos.secret.file",
    ):
        text = subject.text(key)
        if text is not None and (match := _PLACEHOLDER.search(text)):
            yield Found(f"{key} still holds the placeholder '{match[0]}'", "Put the real value there.", key)
    name = "MESOS_NATIVE_JAVA_LIBRARY"
    if match := _PLACEHOLDER.search(subject.variable(name) or ""):
        yield Found(
            f"{name} still holds the placeholder '{match[0]}'",
            "Put the path of libmesos there, or unset it: without it Mesos is spoken to over HTTP.",
            origin=subject.variable_origin(name),
        )


@RULES.add(
    "empty-value",
    Severity.ERROR,
    "an empty value where Spark takes it for one: it would launch an image, fetch a URI, write to a folder "
    "or tell executors of a driver of no name",
)
def _empty(subject: Subject) -> Iterable[Found]:
    if not subject.circumstances.is_application:
        return
    for key in (
        "spark.executor.uri",
        "spark.mesos.executor.home",
        "spark.mesos.executor.docker.image",
        "spark.mesos.network.name",
        "spark.local.dir",
    ):
        if subject.text(key) == "":
            yield Found(f"{key} is empty, which does not unset it", "Remove it, or give it a value.", key)
    if subject.mode is not Mode.CLIENT:
        return  # spark-submit takes the driver's host out of what it sends to a dispatcher
    key, name = "spark.driver.host", "SPARK_LOCAL_HOSTNAME"
    if (host := subject.text(key)) is not None:
        if not host.strip():
            yield Found(
                f"{key} is empty, which does not unset it: executors look for a driver without a host",
                "Remove it, or give it a value.",
                key,
            )
    elif subject.setting(key) is None and subject.variable(name) == "":
        yield Found(
            f"{name} is empty, which does not unset it: executors look for a driver without a host",
            "Unset it, or give it a value.",
            origin=subject.variable_origin(name),
        )


@RULES.add(
    "set-twice",
    Severity.WARNING,
    "a property with two different values in one file, of which the last counts; a note for `--conf`, where "
    "wrappers put theirs behind yours",
)
def _twice(subject: Subject) -> Iterable[Found]:
    for setting in settings(subject):
        if setting.origin.source is Source.CONF:
            values = {
                one.value
                for one in subject.configuration.overridden(setting.key)
                if one.origin == setting.origin
            }
            if values - {setting.value}:
                yield Found(
                    f"{setting.key} is given by --conf with different values, of which the last counts",
                    "Remove those that are not meant.",
                    setting.key,
                    Severity.NOTE,
                )
        if setting.origin.source is not Source.FILE:
            continue
        for other in subject.configuration.overridden(setting.key):
            same_file = (other.origin.source, other.origin.name) == (Source.FILE, setting.origin.name)
            if same_file and other.value != setting.value:
                line = f" (line {other.origin.line})" if other.origin.line is not None else ""
                yield Found(
                    f"{setting.key} is set twice in this file, and the first value{line} is lost",
                    "Remove the one that is not meant.",
                    setting.key,
                )
                break


# The fork that DC/OS shipped, mesosphere/spark.
_OF_A_FORK = frozenset({"spark.mesos.scheduler.revive.interval"})
_ANY_TEXT = frozenset({"spark.app.name", "spark.job.description"})
# What spark-submit reads only to send it to the dispatcher.
_SENT_ON = frozenset({"spark.driver.cores", "spark.driver.supervise"})
_PLACEHOLDER = re.compile(r"<[^<>]*>")


def _is_mistakenly_quoted(text: str, found: Property | None) -> bool:
    """Options of a JVM may well be in quotes."""
    return is_quoted(text) and (found is None or found.type.name != "Java options")


def is_one_mistake_away(text: str, name: str, *, shortest: int = 10) -> bool:
    """Whether a single typing mistake makes one of the other: a letter wrong, missing, too many, two swapped.

    The case of letters counts as no mistake, so that a name in wrong case is near, too. Names of fewer
    letters than `shortest` are near each other by chance.
    """
    a, b = text.lower(), name.lower()
    if a == b:
        return True
    if abs(len(a) - len(b)) > 1 or min(len(a), len(b)) < shortest:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    if len(a) == len(b):
        swapped = a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]
        return swapped or a[start + 1 :] == b[start + 1 :]
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return longer[start + 1 :] == shorter[start:]


def either(names: Iterable[str], word: str = "or") -> str:
    """Names as a phrase: `a, b or c`."""
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def is_read(subject: Subject, setting: Setting, found: Property) -> bool:
    """Whether the program that this is about reads a property."""
    if setting.key.startswith(DRIVER_DEFAULT):
        return subject.mode is Mode.DISPATCHER
    if setting.key in _SENT_ON:
        return subject.mode is Mode.CLUSTER
    return bool(found.readers & READERS[subject.mode])
