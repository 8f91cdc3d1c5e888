"""The token that a dispatcher can demand of its clients, and the file that both read it from."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

from sparkmesos_core.errors import UsageError
from sparkmesos_core.regular_files import read_regular_file

_LARGEST_FILE = 4096
_SHORTEST = 16
# The characters that RFC 6750 lets bearer tokens have.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_HINT = "Write one into it, say with: openssl rand -hex 32"


def read_token(path: Path) -> str:
    """The token in a file, without the space around it.

    Raises UsageError, which never quotes the content, if the file cannot be read, is empty, holds what cannot
    be sent as a bearer token (RFC 6750, section 2.1), or one that is short enough to be guessed.
    """
    try:
        text = read_regular_file(path, at_most=_LARGEST_FILE).decode("ascii").strip()
    except OSError as error:
        raise UsageError(f"The token file {path} cannot be read: {error.strerror}", hint=_HINT) from error
    except UnicodeDecodeError:
        text = "\n"
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
