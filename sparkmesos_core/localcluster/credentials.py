"""Who may ask the embedded masters and agents for what, and the files that hold the credentials.

Mesos groups its endpoints in realms, of which each is switched on by a flag of its own: that of schedulers
(`--authenticate_http_frameworks`), what only reads (`--authenticate_http_readonly`), and what also changes
something (`--authenticate_http_readwrite`).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from sparkmesos_core.errors import UsageError

_FILE_HINT = (
    'Write {"credentials": [{"principal": "NAME", "secret": "SECRET"}]}, '
    "or one line with a principal, a space and a secret for each"
)


class Realm(Enum):
    """A group of endpoints, by the end of the name that its clients are told."""

    SCHEDULER = "scheduler"
    READONLY = "readonly"
    READWRITE = "readwrite"


@dataclass(frozen=True)
class Authentication:
    """Who is known (secrets by principal), and in which realms one has to say who one is."""

    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    frameworks: bool = False
    readonly: bool = False
    readwrite: bool = False

    def wanted_in(self, realm: Realm | None) -> bool:
        """Whether requests of a realm need credentials; None is that of what is open to all."""
        match realm:
            case Realm.SCHEDULER:
                return self.frameworks
            case Realm.READONLY:
                return self.readonly
            case Realm.READWRITE:
                return self.readwrite
        return False

    def principal_of(self, header: str | None) -> str | None:
        """Who sends this `Authorization` header; None if it proves nothing.

        As in Mesos, where a secret with a colon can never be proved.
        """
        scheme, _, encoded = (header or "").partition(" ")
        if scheme != "Basic":
            return None
        try:
            principal, secret = base64.b64decode(encoded, validate=True).decode().split(":")
        except (binascii.Error, ValueError):
            return None
        known = self.credentials.get(principal)
        # Looked at also if the principal is unknown: how long it takes tells nothing.
        fits = hmac.compare_digest((known or "").encode(), secret.encode())
        return principal if fits and known is not None else None

    def master_flags(self) -> dict[str, str]:
        """What a master's `/flags` say of it."""
        return {"authenticate_http_frameworks": _flag(self.frameworks), **self.agent_flags()}

    def agent_flags(self) -> dict[str, str]:
        """What an agent's `/flags` say of it."""
        return {
            "authenticate_http_readonly": _flag(self.readonly),
            "authenticate_http_readwrite": _flag(self.readwrite),
        }


def _flag(on: bool) -> str:
    return "true" if on else "false"


def read_credentials(path: Path) -> dict[str, str]:
    """Secrets by principal, from a file in either format that Mesos has had: JSON, or lines of two words.

    Raises UsageError, which never quotes the content.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="Name another file.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a file of credentials: it is no UTF-8", hint=_FILE_HINT) from error
    pairs = _from_json(text) if text.lstrip().startswith("{") else _from_lines(text)
    if pairs is None:
        raise UsageError(f"{path} is not a file of credentials", hint=_FILE_HINT)
    if not pairs:
        raise UsageError(f"{path} holds no credentials", hint=_FILE_HINT)
    for principal, secret in pairs:
        if ":" in principal or ":" in secret:
            raise UsageError(
                f"a credential in {path} has a colon, which basic authentication in Mesos cannot have",
                hint="Choose another principal or secret",
            )
    return dict(pairs)


def is_open_to_others(path: Path) -> bool:
    """Whether anybody on this machine may read a file, or do more with it."""
    return bool(path.stat().st_mode & 0o007)


def _from_json(text: str) -> list[tuple[str, str]] | None:
    try:
        content = json.loads(text)
        pairs = [_pair(entry) for entry in content["credentials"]]
    except (ValueError, LookupError, TypeError):
        return None
    return pairs


def _pair(entry: Any) -> tuple[str, str]:
    principal, secret = entry["principal"], entry.get("secret", "")
    if not isinstance(principal, str) or not isinstance(secret, str):
        raise TypeError("a principal and its secret are texts")
    return principal, secret


def _from_lines(text: str) -> list[tuple[str, str]] | None:
    pairs = []
    for words in (line.split() for line in text.splitlines()):
        if len(words) == 2:
            pairs.append((words[0], words[1]))
        elif words:
            return None
    return pairs
