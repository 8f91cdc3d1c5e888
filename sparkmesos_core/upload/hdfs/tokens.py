"""Hadoop's files of delegation tokens, as `hdfs fetchdt` and `hadoop dtutil` write them. No I/O.

The format is that of org.apache.hadoop.security.Credentials (writeTokenStorageToStream), of Token.write and
of WritableUtils.writeVInt; WebHDFS takes what Token.encodeToUrlString makes of a token.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from sparkmesos_core.errors import UsageError

MAGIC = b"HDTS"
_WRITABLE = 0
_OF_HDFS = ("HDFS_DELEGATION_TOKEN", "WEBHDFS delegation", "SWEBHDFS delegation")

_HINT = "Give the file that `hdfs fetchdt FILE` writes, or one with the text of a single token."


@dataclass(frozen=True)
class _Token:
    kind: str
    service: str
    text: str
    """As WebHDFS takes it."""


def delegation_token(content: bytes) -> str:
    """The one token of HDFS in such a file, as the text that WebHDFS takes.

    Raises UsageError if it has none or several, or is no such file; the message holds no token.
    """
    if content[: len(MAGIC)] != MAGIC or len(content) <= len(MAGIC):
        raise UsageError("it is no file of Hadoop's tokens", hint=_HINT)
    if content[len(MAGIC)] != _WRITABLE:
        raise UsageError(
            "it holds tokens in Hadoop's newer format, which is not read here",
            hint="Write it with `hadoop dtutil … -format java`, or `hdfs fetchdt`.",
        )
    try:
        tokens = list(_Reader(content, len(MAGIC) + 1).tokens())
    except (IndexError, UnicodeDecodeError, OverflowError) as error:
        raise UsageError("it is a damaged file of Hadoop's tokens", hint=_HINT) from error
    found = [token for token in tokens if token.kind in _OF_HDFS]
    if len(found) != 1:
        services = ", ".join(token.service or "?" for token in found)
        which = f"{len(found)} tokens of HDFS (for {services})" if found else "no token of HDFS"
        raise UsageError(f"it holds {which}", hint=_HINT)
    return found[0].text


class _Reader:
    """Raises IndexError behind the end."""

    def __init__(self, content: bytes, position: int) -> None:
        self._content = content
        self._position = position

    def tokens(self) -> list[_Token]:
        return [self._named_token() for _ in range(self._number())]

    def _named_token(self) -> _Token:
        self._bytes()  # what it is called in this file
        begin = self._position
        self._bytes()  # who it is for
        self._bytes()  # its password
        kind, service = self._bytes().decode(), self._bytes().decode()
        encoded = base64.urlsafe_b64encode(self._content[begin : self._position]).rstrip(b"=")
        return _Token(kind, service, encoded.decode("ascii"))

    def _bytes(self) -> bytes:
        return self._take(self._number())

    def _number(self) -> int:
        first = int.from_bytes(self._take(1), "big", signed=True)
        if first >= -112:
            number = first
        else:
            # The first byte says how many follow: -113 to -120 for positive numbers.
            number = int.from_bytes(self._take(-112 - first), "big") if first >= -120 else -1
        if number < 0:
            raise OverflowError("a negative length")
        return number

    def _take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._content):
            raise IndexError("the end")
        taken, self._position = self._content[self._position : end], end
        return taken
