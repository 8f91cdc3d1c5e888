"""A program to start: its command line, what it inherits, and how that is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sparkmesos_core.conf.process_limits import NO_LIMITS, ProcessLimits
from sparkmesos_core.redaction import REDACTED, redact_arguments


@dataclass(frozen=True)
class Program:
    """One of Spark's own programs, and what it is started with besides what its user and Mesos want."""

    name: str
    """Its name in `bin/`."""
    first: tuple[str, ...] = ()
    """Arguments in front of all others."""
    options: tuple[str, ...] = ()
    """Options behind the user's, where they win."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What is set in its environment."""


SPARK_SUBMIT = Program("spark-submit")


@dataclass(frozen=True)
class Launch:
    """A program to start: its arguments, and the whole environment it gets."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    set_variables: Mapping[str, str]
    """What sparkmesos itself sets in the environment."""
    limits: ProcessLimits = NO_LIMITS
    """The umask and the limits it gets."""

    def printable(self) -> list[str]:
        """The command line as a list, with the variables in front through `env`, secrets replaced."""
        variables = [f"{name}={value}" for name, value in sorted(self.set_variables.items())]
        return redact_arguments(["env", *variables, *self.arguments] if variables else self.arguments)

    def hides_secrets(self) -> bool:
        """Whether `printable` left something out, so that it cannot be run as it stands."""
        return any(REDACTED in argument for argument in self.printable())
