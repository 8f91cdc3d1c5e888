"""A program to start: its command line, what it inherits, and how that is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sparkmesos_core.conf.process_limits import NO_LIMITS, ProcessLimits
from sparkmesos_core.redaction import REDACTED, redact_arguments


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
