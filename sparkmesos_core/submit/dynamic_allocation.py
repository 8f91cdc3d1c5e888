"""`--dynamic-allocation`: what it says, which properties it stands for, and what it contradicts.

Spark itself needs two switches for it on Mesos, `spark.dynamicAllocation.enabled` and
`spark.shuffle.service.enabled`. With the latter it never tracks shuffles (`ExecutorMonitor`), so that the
property for that need not be touched. And `spark.executor.cores`: without it an executor takes all cores of
an offer (`MesosCoarseGrainedSchedulerBackend.executorCores`), while Spark asks for one executor for each
waiting task (`ResourceProfile.calculateTasksAndLimitingResource`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted

OPTION = "--dynamic-allocation"
UNLIMITED = ":"
"""The text that names neither limit."""

_ENABLED = "spark.dynamicAllocation.enabled"
_SERVICE = "spark.shuffle.service.enabled"
_TRACKING = "spark.dynamicAllocation.shuffleTracking.enabled"
_LEAST = "spark.dynamicAllocation.minExecutors"
_MOST = "spark.dynamicAllocation.maxExecutors"
_INSTANCES = "spark.executor.instances"
_INITIAL = ("spark.dynamicAllocation.initialExecutors", _INSTANCES)
_COARSE = "spark.mesos.coarse"
_CORES = "spark.executor.cores"
_CORES_MAX = "spark.cores.max"
_TASK_CPUS = "spark.task.cpus"
_LARGEST_INT = 2**31 - 1
_ON_THE_COMMAND_LINE = (Source.OPTION, Source.CONF)
_FORMS = "Write MIN:MAX, as in 2:10; MIN: or :MAX for one of them; or MAX alone."

# A path or a URL of an application has a slash, a dot or letters where these have none.
# An empty word is what scripts give whose variable is not set, and no application either.
_LIKE_LIMITS = re.compile(r"\s*|-?\d[\d.,:-]*|[^/.:]*:[^/.:]*|-?\d*:[^/.]*")


@dataclass(frozen=True)
class Limits:
    """How many executors there may be; None is Spark's own: none at least, and any number."""

    least: int | None = None
    most: int | None = None

    def __str__(self) -> str:
        """As `parse_limits` reads it."""
        return f"{_text(self.least)}:{_text(self.most)}"


@dataclass(frozen=True)
class DynamicAllocation:
    """The option as it was given."""

    limits: Limits
    origin: Origin
    """Of Source.OPTION if it was typed; of Source.SPARKMESOS if it is set for good, and so gives way."""


@dataclass(frozen=True)
class Meaning:
    """What the option comes to."""

    settings: tuple[Setting, ...] = ()
    """To be set above everything else; each key at most once."""
    findings: tuple[Finding, ...] = ()
    """What it contradicts, or why it has no effect."""


def parse_limits(text: str) -> Limits:
    """`MIN:MAX`, either of which may be left out, or `MAX`. Raises UsageError."""
    least_text, colon, most_text = text.strip().rpartition(":")
    least, most = _number(least_text, text), _number(most_text, text)
    if not colon and most is None:
        raise UsageError(
            f"{quoted(text)} names no number of executors",
            hint=f"{_FORMS} {quoted(UNLIMITED)}, or no value at all, sets no limits.",
        )
    if most == 0:
        raise UsageError(f"{quoted(text)} allows no executor at all", hint="Let there be one at most.")
    if least is not None and most is not None and least > most:
        raise UsageError(f"{quoted(text)} has a minimum of {least} above its maximum of {most}", hint=_FORMS)
    return Limits(least, most)


def looks_like_limits(word: str) -> bool:
    """Whether a word behind the option is meant as its value, right or wrong, and not as the application."""
    return _LIKE_LIMITS.fullmatch(word) is not None


def switches(asked: DynamicAllocation, configuration: Configuration) -> Meaning:
    """What the option sets whatever the size of executors, over a `configuration` without it.

    What was typed wins over files and variables, of which a warning tells; where both were typed and differ,
    that is an error. Set for good the option wins over files, and has no effect beside a typed property that
    says otherwise.
    """
    typed = asked.origin.source is Source.OPTION
    coarse = configuration.setting(_COARSE)
    if coarse is not None and _is(coarse.value, "false"):
        return Meaning(findings=(_fine_grained(asked, coarse),))
    wanted = {_ENABLED: "true", _SERVICE: "true"}
    if not typed and any(_typed_otherwise(configuration, key, value) for key, value in wanted.items()):
        return Meaning()
    if asked.limits.least is not None:
        wanted[_LEAST] = str(asked.limits.least)
    if asked.limits.most is not None:
        wanted[_MOST] = str(asked.limits.most)
    settings, findings = [], []
    for key, value in wanted.items():
        other = configuration.setting(key)
        differs = other is not None and not _is(other.value, value)
        if other is not None and (other.origin.source in _ON_THE_COMMAND_LINE or not differs):
            if differs and typed:
                findings.append(_contradiction(asked, key, value, other))
            continue
        if other is not None and typed:
            findings.append(_overruled(asked, key, value, other))
        settings.append(Setting(key, value, asked.origin))
    if typed and _typed_otherwise(configuration, _TRACKING, "false"):
        findings.append(_tracked(asked))
    return Meaning(tuple(settings), tuple(findings))


def sizes(asked: DynamicAllocation, configuration: Configuration) -> Meaning:
    """The cores of an executor, where nothing says how many, and what is wrong with the numbers together.

    `configuration` has what `switches` sets, and what options come to that Spark ignores on Mesos. An
    executor gets the cores of one task, as Spark takes for granted where it is not told.
    """
    if not _is(configuration.get(_ENABLED, ""), "true") or _is(configuration.get(_COARSE, ""), "false"):
        return Meaning()
    settings = [*_fewer_at_first(asked, configuration), *_minimum_at_first(asked, configuration)]
    if configuration.get(_CORES) is None:
        cores = _positive(configuration.get(_TASK_CPUS)) or 1
        settings.append(Setting(_CORES, str(cores), asked.origin))
    findings = [*_too_many_at_first(asked, configuration), *_no_room(asked, configuration.above(settings))]
    return Meaning(tuple(settings), tuple(findings))


def _at_first(asked: DynamicAllocation, configuration: Configuration) -> Iterator[Setting]:
    """What makes Spark begin with more executors than the option allows: it does so in silence."""
    for key in _INITIAL:
        setting = configuration.setting(key)
        number = _positive(setting.value) if setting is not None else None
        most = asked.limits.most
        if setting is not None and number is not None and most is not None and number > most:
            yield setting


def _fewer_at_first(asked: DynamicAllocation, configuration: Configuration) -> Iterator[Setting]:
    for setting in _at_first(asked, configuration):
        if setting.origin.source not in _ON_THE_COMMAND_LINE:
            yield Setting(setting.key, str(asked.limits.most), asked.origin)


def _minimum_at_first(asked: DynamicAllocation, configuration: Configuration) -> Iterator[Setting]:
    """What Spark begins with anyway, since it warns where the number is below the minimum, as is none at all.

    See `Utils.getDynamicAllocationInitialExecutors`, which takes the largest of all three.
    """
    least = _positive(configuration.get(_LEAST))
    if least is not None and configuration.get(_INSTANCES) is None:
        yield Setting(_INSTANCES, str(least), asked.origin)


def _too_many_at_first(asked: DynamicAllocation, configuration: Configuration) -> Iterator[Finding]:
    for setting in _at_first(asked, configuration):
        if setting.origin.source not in _ON_THE_COMMAND_LINE:
            if asked.origin.source is Source.OPTION:
                yield _overruled(asked, setting.key, str(asked.limits.most), setting)
            continue
        yield Finding(
            "contradicting-options",
            Severity.ERROR,
            f"allows {_executors(asked.limits.most or 0)}, but {setting.origin} begins with {setting.value}",
            "Allow more, or begin with fewer: that is what --num-executors means with dynamic allocation.",
            origin=asked.origin,
        )


def _no_room(asked: DynamicAllocation, configuration: Configuration) -> Iterator[Finding]:
    """A limit that `spark.cores.max` keeps executors from."""
    total = configuration.setting(_CORES_MAX)
    cores, all_cores = _positive(configuration.get(_CORES)), _positive(total.value if total else None)
    if total is None or cores is None or all_cores is None:
        return
    room = all_cores // cores
    for limit, name in ((asked.limits.least, "minimum"), (asked.limits.most, "maximum")):
        if limit is not None and 0 < room < limit:
            yield Finding(
                "contradicting-options",
                Severity.WARNING,
                f"never reaches its {name} of {_executors(limit)}: {_said_by(total)} has room for {room}, "
                f"of {_number_of_cores(cores)} each",
                f"Set {_CORES_MAX} to {limit * cores}, or ask for at most {_executors(room)}.",
                origin=asked.origin,
            )
            return


def _fine_grained(asked: DynamicAllocation, coarse: Setting) -> Finding:
    typed = asked.origin.source is Source.OPTION
    return Finding(
        "contradicting-options" if typed else "ignored-option",
        Severity.ERROR if typed else Severity.WARNING,
        f"dynamic allocation is for coarse-grained mode, and {_said_by(coarse)} is fine-grained",
        f"Leave out {_COARSE}=false: the fine-grained mode has one executor on each agent. Or leave out "
        f"{OPTION}.",
        origin=asked.origin,
    )


def _contradiction(asked: DynamicAllocation, key: str, value: str, other: Setting) -> Finding:
    return Finding(
        "contradicting-options",
        Severity.ERROR,
        f"means {key}={value}, but {other.origin} says {_shown(other)}",
        f"Give only one of {OPTION} and {_spelling(other)}.",
        origin=asked.origin,
    )


def _overruled(asked: DynamicAllocation, key: str, value: str, other: Setting) -> Finding:
    return Finding(
        "contradicting-options",
        Severity.WARNING,
        f"comes to {key}={value}, which is used, and not {other.value} of {other.origin}",
        f"To keep that, leave out {'the limit' if key in (_LEAST, _MOST) else OPTION}.",
        origin=asked.origin,
    )


def _tracked(asked: DynamicAllocation) -> Finding:
    return Finding(
        "contradicting-options",
        Severity.ERROR,
        f"is with the external shuffle service, beside which Spark tracks no shuffles ({_TRACKING}=true)",
        f"Leave out that property; or to do without the service {OPTION}, and set {_ENABLED}=true.",
        origin=asked.origin,
    )


def _typed_otherwise(configuration: Configuration, key: str, value: str) -> bool:
    setting = configuration.setting(key)
    return (
        setting is not None
        and setting.origin.source in _ON_THE_COMMAND_LINE
        and not _is(setting.value, value)
    )


def _number(text: str, whole: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{quoted(whole)} is no range of whole numbers", hint=_FORMS)
    if len(text.lstrip("0")) > len(str(_LARGEST_INT)) or int(text) > _LARGEST_INT:
        raise UsageError(
            f"{quoted(whole)} has more executors than Spark can count",
            hint=f"Its largest number is {_LARGEST_INT}.",
        )
    return int(text)


def _positive(text: str | None) -> int | None:
    """A whole number above 0; of what is none another check tells."""
    text = (text or "").strip()
    return int(text) or None if text.isascii() and text.isdigit() and len(text) < 11 else None


def _is(text: str, value: str) -> bool:
    """Whether a text means the same as a value that is written as here."""
    text = text.strip()
    if value.isdigit():
        return text.isascii() and text.isdigit() and len(text) < 11 and int(text) == int(value)
    return text.lower() == value


def _said_by(setting: Setting) -> str:
    return f"{setting.key}={setting.value} ({setting.origin})"


def _shown(setting: Setting) -> str:
    return setting.value if setting.origin.source is Source.OPTION else f"{setting.key}={setting.value}"


def _spelling(setting: Setting) -> str:
    return f"--conf {setting.key}" if setting.origin.source is Source.CONF else setting.origin.name


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _executors(number: int) -> str:
    return "1 executor" if number == 1 else f"{number} executors"


def _number_of_cores(number: int) -> str:
    return "1 core" if number == 1 else f"{number} cores"
