"""What rules are made of: what they are given, what they answer, and how they are declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sparkmesos_core.conf.checks.circumstances import Circumstances, Mode
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.finding import Finding, Severity
from sparkmesos_core.conf.properties.registered_property import Property
from sparkmesos_core.conf.properties.registry import find_property
from sparkmesos_core.conf.properties.spark_4 import in_spark_4
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import UsageError

APPLICATION = frozenset({Mode.CLIENT, Mode.CLUSTER})
EVERYWHERE = frozenset(Mode)

DELIBERATE = frozenset({Source.OPTION, Source.CONF, Source.JAVA_OPTIONS})
"""Where a setting is made for this one program; files and variables are often shared by several."""


@dataclass(frozen=True)
class Found:
    """One answer of a rule."""

    message: str
    hint: str = ""
    key: str = ""
    """The property it is about; its place is looked up."""
    severity: Severity | None = None
    """If it differs from the rule's."""
    origin: Origin | None = None
    """If it is about another place than that of `key`."""


class Subject:
    """A configuration with its circumstances, as rules look at it."""

    def __init__(self, configuration: Configuration, circumstances: Circumstances) -> None:
        """Nothing is read or parsed before a rule asks for it."""
        self.configuration = configuration
        self.circumstances = circumstances

    @property
    def mode(self) -> Mode:
        """The program that the configuration is for."""
        return self.circumstances.mode

    def variable(self, name: str) -> str | None:
        """An environment variable."""
        return self.circumstances.environment.get(name)

    def variable_origin(self, name: str) -> Origin:
        """Where an environment variable is set."""
        return Origin(Source.VARIABLE, name, script=self.circumstances.scripts.get(name, ""))

    def setting(self, key: str) -> Setting | None:
        """The effective setting of a property."""
        return self.configuration.setting(key)

    def text(self, key: str) -> str | None:
        """The effective text of a property; None if not set, or if it refers to others as ${env:A} does."""
        text = self.configuration.get(key)
        return None if text is None or is_reference(text) else text

    def value(self, key: str) -> Any:
        """The typed value of a registered property, or its default.

        None if there is neither, and for a text that is not of its type, which a rule of its own reports.
        Raises KeyError for a property that is not in the registry.
        """
        found = self.property(key)
        if found is None:
            raise KeyError(key)
        text = self.configuration.get(key)
        if text is None:
            return found.default_value()
        if is_reference(text):
            return None
        try:
            return found.type.parse(text)
        except UsageError:
            return None

    def is_changed(self, key: str) -> bool:
        """Whether a property is set to something else than its default."""
        setting = self.setting(key)
        if setting is None:
            return False
        found = self.property(key)
        return found is None or found.default is None or self.value(key) != found.default_value()

    def property(self, key: str) -> Property | None:
        """What the registry knows about a key: what it is with the Spark that is meant."""
        found = find_property(key)
        return in_spark_4(found) if found is not None and self.since(4) else found

    @cached_property
    def is_fine_grained(self) -> bool:
        """Whether each Spark task is to be a Mesos task."""
        return self.value("spark.mesos.coarse") is False

    @cached_property
    def dynamic_allocation(self) -> bool:
        """Whether the number of executors follows the load."""
        return self.value("spark.dynamicAllocation.enabled") is True

    @cached_property
    def executor_uri(self) -> Setting | None:
        """The archive that executors come from: the property, else SPARK_EXECUTOR_URI of the driver."""
        setting = self.setting("spark.executor.uri")
        return None if setting is None or is_reference(setting.value) else setting

    def since(self, *version: int) -> bool:
        """Whether Spark is known to be of this version or newer."""
        return self.circumstances.version is not None and self.circumstances.version >= version

    def before(self, *version: int) -> bool:
        """Whether Spark is known to be older than this version."""
        return self.circumstances.version is not None and self.circumstances.version < version


def is_reference(text: str) -> bool:
    """Whether Spark puts something else into this text when it reads it: `${env:NAME}`, `${spark.key}`."""
    return "${" in text


def is_quoted(text: str) -> bool:
    """Whether a text stands in quotes as a whole, `"analytics"`, which are part of it for Spark."""
    return re.fullmatch(r"([\"'])(?=.*\w)(?:(?!\1).)+\1", text.strip(), re.DOTALL) is not None


def severity_without_effect(setting: Setting) -> Severity:
    """How bad it is that a setting has no effect: files are shared, options are given on purpose."""
    return Severity.WARNING if setting.origin.source in DELIBERATE else Severity.NOTE


@dataclass(frozen=True)
class Rule:
    """One rule. The documentation's table is made of these."""

    id: str
    severity: Severity
    """The worst that it reports."""
    modes: frozenset[Mode]
    finds: str
    """What it finds, as a phrase for the documentation."""
    check: Callable[[Subject], Iterable[Found]]

    def findings(self, subject: Subject) -> Iterator[Finding]:
        """What it finds here."""
        if subject.mode not in self.modes:
            return
        for found in self.check(subject):
            origin = found.origin
            if origin is None and found.key and (setting := subject.setting(found.key)):
                origin = setting.origin
            yield Finding(
                self.id, found.severity or self.severity, found.message, found.hint, found.key, origin
            )


Check = Callable[[Subject], Iterable[Found]]


class Rules(list[Rule]):
    """The rules of one module, in its order."""

    def add(
        self, id: str, severity: Severity, finds: str, *, modes: frozenset[Mode] = EVERYWHERE
    ) -> Callable[[Check], Check]:
        """Declares the function below as a rule."""

        def declare(check: Check) -> Check:
            self.append(Rule(id, severity, modes, finds, check))
            return check

        return declare
