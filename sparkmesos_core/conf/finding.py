"""What a check of a configuration finds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from sparkmesos_core.conf.setting import Origin, Source


class Severity(Enum):
    """How bad a finding is."""

    ERROR = "error"
    """It will fail, or not do what was asked for: `config check` exits 1, `submit` stops."""
    WARNING = "warning"
    """It works, but most likely not as meant."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True)
class Finding:
    """One finding. Neither message nor hint ever contains a secret."""

    id: str
    """The rule, in kebab case: `unknown-property`."""
    severity: Severity
    message: str
    """What is wrong, without where."""
    hint: str = ""
    key: str = ""
    """The property it is about; empty if it is about none or several."""
    origin: Origin | None = None

    @property
    def place(self) -> str:
        """Where it is, as it stands in front of the message; empty if that begins with it already."""
        if self.origin is None:
            return ""
        named = self.origin.source is Source.VARIABLE and re.match(
            rf"{re.escape(self.origin.name)}\b", self.message
        )
        text = self.origin.script if named else str(self.origin)
        return f"{text}: " if text else ""
