"""What a check of a configuration finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sparkmesos_core.conf.setting import Origin


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
