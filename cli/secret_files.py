"""Files that hold a password or a token, so that none stands on a command line."""

from __future__ import annotations

from pathlib import Path

from sparkmesos_core.errors import UsageError

_MOST_BYTES = 64 * 1024
"""More than any token has: what is longer is another file."""
_ONE_LINE = "It has to hold one line of text, and nothing else."


def read_secret(path: Path | None, option: str) -> str | None:
    """The one line that a file holds; None if none was named.

    Raises UsageError for a file that `option` cannot name; its message holds nothing of the content.
    """
    return None if path is None else _line(_content(path, option), path, option)


def read_hadoop_token(path: Path | None, option: str) -> str | None:
    """A delegation token: its text, or Hadoop's own file of it. Raises UsageError as `read_secret` does."""
    from sparkmesos_core.upload.hdfs.tokens import MAGIC, delegation_token

    if path is None:
        return None
    content = _content(path, option)
    if not content.startswith(MAGIC):
        return _line(content, path, option)
    try:
        return delegation_token(content)
    except UsageError as error:
        raise UsageError(f"{option} {path}: {error.message}", hint=error.hint) from error


def _content(path: Path, option: str) -> bytes:
    try:
        with path.open("rb") as file:  # a pipe, too: shells give one for <(command)
            return file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{option} {path} cannot be read: {reason}", hint=_ONE_LINE) from error


def _line(content: bytes, path: Path, option: str) -> str:
    try:
        secret = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UsageError(f"{option} {path} holds no text", hint=_ONE_LINE) from None
    if not secret:
        raise UsageError(f"{option} {path} is empty", hint=_ONE_LINE)
    if len(content) > _MOST_BYTES or not secret.isprintable():
        raise UsageError(f"{option} {path} holds more than one line of text", hint=_ONE_LINE)
    return secret
