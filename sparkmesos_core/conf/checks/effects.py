"""Rules about effect: properties that nobody reads here, in this Spark or in this mode."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sparkmesos_core.conf.checks.circumstances import Mode
from sparkmesos_core.conf.checks.properties import DRIVER_DEFAULT, either, is_read, meant, settings
from sparkmesos_core.conf.checks.rule import DELIBERATE, Found, Rules, Subject, severity_without_effect
from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.properties.registered_property import Grain, Property, Reader
from sparkmesos_core.conf.properties.registry import exists_in
from sparkmesos_core.conf.setting import Source

RULES = Rules()

_IMPLIED = frozenset({"spark.master", "spark.shuffle.service.enabled"})
"""What a daemon does not read, but is: the --master of the dispatcher, and the service that is enabled."""

_MOST_NAMES = 8
"""How many properties one finding names."""
_PROGRAMS = {
    Mode.CLIENT: "an application in client mode",
    Mode.CLUSTER: "an application in cluster mode",
    Mode.DISPATCHER: "the dispatcher",
    Mode.SHUFFLE_SERVICE: "the shuffle service",
}
_READER_NAMES = {
    Reader.CLIENT: "spark-submit",
    Reader.DISPATCHER: "the dispatcher (in its own configuration)",
    Reader.SUBMISSION: "the dispatcher (for drivers in cluster mode)",
    Reader.BACKEND: "the driver (to launch executors)",
    Reader.DRIVER: "the driver and its executors",
    Reader.SHUFFLE_SERVICE: "the shuffle service",
}


@RULES.add("deprecated-property", Severity.NOTE, "a property that is deprecated")
def _deprecated(subject: Subject) -> Iterable[Found]:
    for setting in settings(subject):
        found = subject.property(meant(setting)[0])
        if found is not None and found.deprecated and not _is_of_another_spark(subject, found):
            yield Found(f"{setting.key} is deprecated", _sentence(found.deprecated), setting.key)


@RULES.add(
    "not-in-this-spark",
    Severity.WARNING,
    "a property that this version of Spark does not read yet, or no longer",
)
def _version(subject: Subject) -> Iterable[Found]:
    version = subject.circumstances.spark_version
    if version is None or subject.circumstances.version is None:
        return
    for setting in settings(subject):
        found = subject.property(meant(setting)[0])
        if found is None or not _is_of_another_spark(subject, found) or not subject.is_changed(setting.key):
            continue
        since = (
            "sparkmesos' backend for Spark 4 does"
            if found.own
            else f"it came with {found.since}"
            if _later(found.since, subject)
            else f"{found.until} removed it"
        )
        yield Found(
            f"Spark {version} does not read {setting.key}: {since}",
            _sentence(found.deprecated) if found.deprecated else "Remove it, or use another Spark.",
            setting.key,
        )


@RULES.add(
    "no-effect-here",
    Severity.WARNING,
    "a property that this program does not read: a warning if it was given for this program, a note (one "
    "for all) if it comes from a file or variable, which others may share",
)
def _no_effect(subject: Subject) -> Iterable[Found]:
    shared = []
    for setting in settings(subject):
        found = subject.property(setting.key)
        if found is None or not subject.is_changed(setting.key) or is_read(subject, setting, found):
            continue
        if setting.origin.source is Source.OPTION or setting.key in _IMPLIED:
            continue  # `ignored_options` is about options
        if _is_of_another_spark(subject, found):
            continue  # which says it already
        if not found.readers:
            yield Found(
                f"{setting.key} has no effect on Mesos",
                _sentence(found.meaning.removeprefix("Nothing on Mesos: ")),
                setting.key,
                severity_without_effect(setting),
            )
        elif setting.origin.source in DELIBERATE:
            readers = [_READER_NAMES[one] for one in Reader if one in found.readers]
            yield Found(
                f"{setting.key} has no effect on {_PROGRAMS[subject.mode]}; {either(readers, 'and')} would "
                "read it",
                _default_hint(subject, [setting.key]) or "Remove it, or set it where it is read.",
                setting.key,
                severity_without_effect(setting),
            )
        else:
            shared.append(setting.key)
    if shared:
        one = len(shared) == 1
        more = len(shared) - _MOST_NAMES
        names = shared if more <= 0 else [*shared[:_MOST_NAMES], f"{more} other{'s' if more > 1 else ''}"]
        yield Found(
            f"{either(names, 'and')} {'has' if one else 'have'} no effect on {_PROGRAMS[subject.mode]}",
            _default_hint(subject, shared)
            or f"Nothing to do if the file is there for others, who read {'it' if one else 'them'}.",
            shared[0] if one else "",
            Severity.NOTE,
        )


@RULES.add(
    "other-run-mode",
    Severity.WARNING,
    "a property of the fine-grained mode in the coarse-grained one, or the other way round; a note if it "
    "comes from a file",
)
def _grain(subject: Subject) -> Iterable[Found]:
    if not subject.circumstances.is_application or subject.since(4):
        return  # Spark 4 has one mode: other rules say so
    other, now = (Grain.COARSE, Grain.FINE) if subject.is_fine_grained else (Grain.FINE, Grain.COARSE)
    for setting in settings(subject):
        found = subject.property(setting.key)
        if setting.origin.source is Source.OPTION:
            continue
        if found is not None and found.grain is other and subject.is_changed(setting.key):
            yield Found(
                f"{setting.key} has no effect in {now.value} mode",
                "Remove it. Fine-grained mode is on when spark.mesos.coarse is false.",
                setting.key,
                severity_without_effect(setting),
            )


def _is_of_another_spark(subject: Subject, found: Property) -> bool:
    """Whether nobody reads the property with the Spark here."""
    version = subject.circumstances.spark_version
    if version is None or subject.circumstances.version is None:
        return False
    return not exists_in(found, version)


def _default_hint(subject: Subject, keys: list[str]) -> str:
    """How to make defaults for drivers, if that is what the dispatcher's operator may have meant."""
    if subject.mode is not Mode.DISPATCHER:
        return ""
    return f"To make a default for drivers of it, write {DRIVER_DEFAULT}{keys[0]}."


def _later(version: str, subject: Subject) -> bool:
    now = subject.circumstances.version
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    return now is not None and numbers > now


def _sentence(text: str) -> str:
    first = text if text.startswith("spark.") else text[:1].upper() + text[1:]
    return first.rstrip(".") + "."
