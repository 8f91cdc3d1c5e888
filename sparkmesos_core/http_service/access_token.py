"""The token that a dispatcher can demand of its clients, and the file that both read it from."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

from sparkmesos_core.errors import UsageError

_LARGEST_FILE = 4096
_SHORTEST = 16
# The characters that RFC 6750 lets bearer tokens have.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_HINT = "Write one into it, say with: openssl rand -hex 32"


def read_token(path: Path) -> str:
    """The token in a file, or a pipe, without the space around it. A pipe gives it once, to who reads first.

    Raises UsageError, which never quotes the content, if the file cannot be read, is empty, holds what cannot
    be sent as a bearer token (RFC 6750, section 2.1), or one that is short enough to be guessed.
    """
    try:
        with path.open("rb") as file:  # shells give a pipe for <(command)
            content = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"The token file {path} cannot be read: {reason}", hint=_HINT) from error
    if len(content) > _LARGEST_FILE:
        raise UsageError(
            f"The token file {path} cannot be read: it is larger than {_LARGEST_FILE} bytes", hint=_HINT
        )
    text = content.decode("ascii", "replace").strip()
    if not text:
        raise UsageError(f"The token file {path} is empty", hint=_HINT)
    if not _TOKEN.fullmatch(text):
        raise UsageError(
            f"What the token file {path} holds is no token: it may have letters, digits and the characters "
            "- . _ ~ + / and = at its end, in one line",
            hint=_HINT,
        )
    if len(text) < _SHORTEST:
        raise UsageError(
            f"The token in {path} has {len(text)} characters, which can be guessed: at least {_SHORTEST} are "
            "needed",
            hint=_HINT,
        )
    return text


class AccessToken:
    """What a server remembers of the token: enough to recognise it, and nothing that could be shown."""

    def __init__(self, token: str) -> None:
        self._digest = _digest(token)

    def is_proved_by(self, given: str) -> bool:
        """Whether this is the token. How long the answer takes says nothing about either."""
        return hmac.compare_digest(_digest(given), self._digest)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
