"""Where a file is to be put: the destination that the user wrote, taken apart."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote

from sparkmesos_core.errors import UsageError

SCHEMES = ("http", "https", "s3", "s3a", "s3n", "hdfs", "webhdfs", "swebhdfs", "file")

_EXAMPLES = (
    "https://HOST/dist/, s3a://BUCKET/dist/, hdfs://NAMENODE:8020/dist/ or a folder that all agents mount"
)
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<rest>.*)", re.DOTALL)
# What no URI may hold; a blank would end the property's value for Mesos, a quote breaks its fetcher.
_IMPOSSIBLE = re.compile(r"[\x00-\x20\x7f\\'\"<>^`{|}]")
# HOST:PORT, or a name of several parts whose last one could be that of a domain.
_LOOKS_LIKE_HOST = re.compile(r"(?:[^/@]*@)?[\w.-]+:\d+|[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}|\d+(?:\.\d+){3}")
_NEEDS_AUTHORITY = {
    "http": "a host",
    "https": "a host",
    "s3": "a bucket",
    "s3a": "a bucket",
    "s3n": "a bucket",
}


@dataclass(frozen=True)
class Destination:
    """One file at a destination."""

    scheme: str
    """In lower case; `file` for what was written as a plain path."""
    authority: str
    """Host and port, bucket, namenode or nameservice; empty if there is none. Never with credentials."""
    path: str
    """As it was written, from the slash behind the authority on. For `file` it is decoded."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def uri(self) -> str:
        """What agents fetch: without credentials."""
        if self.scheme == "file":
            return "file://" + quote(self.path, safe="/:@!$&()*+,;=~", errors="surrogateescape")
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def label(self) -> str:
        """The same, for messages."""
        return self.uri

    @property
    def name(self) -> str:
        """The name of the file, as it was written."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The path up to the last slash, with it."""
        return self.path.rpartition("/")[0] + "/"

    def sibling(self, name: str) -> Destination:
        """A file of another name in the same folder."""
        return replace(self, path=self.folder + name)


def parse_destination(text: str, file_name: str) -> Destination:
    """The destination that `text` names: of the file itself or, with a slash at its end, of its folder.

    `file_name` is the name that the file gets in a folder. A plain path is a file on this machine. Raises
    UsageError; its message holds no password.
    """
    match = _SCHEME.fullmatch(text)
    scheme = match["scheme"].lower() if match else "file"
    if match is None or (scheme not in SCHEMES and not match["rest"].startswith("//")):
        _refuse_forgotten_scheme(text)
        return _local(text, file_name)
    if scheme not in SCHEMES:
        raise UsageError(
            f"the destination's scheme {scheme}:// is not known", hint=f"Write one of: {_EXAMPLES}."
        )
    rest = match["rest"]
    # A password with a slash in it ends the authority early: nothing of it may be quoted.
    if "@" in rest and "@" not in rest.removeprefix("//").partition("/")[0]:
        raise UsageError(
            f"the destination {scheme}://… has an @ behind its first slash",
            hint="In a user name or a password write %2F for a slash and %40 for an @, also in a path.",
        )
    if scheme == "file":
        return _local(_path_of_file_uri(rest), file_name)
    if not rest.startswith("//"):
        raise UsageError(
            f"the destination begins with {scheme}: but not with {scheme}://", hint=f"Write: {_EXAMPLES}."
        )
    authority, slash, path = rest[2:].partition("/")
    user_info, at, host = authority.rpartition("@")
    place = f"{scheme}://{host.partition('?')[0].partition('#')[0]}/…"
    if odd := _IMPOSSIBLE.search(rest):
        raise UsageError(
            f"the destination holds {odd[0]!r}, which no URI can",
            hint=f"Write it as %{ord(odd[0]):02X}, or better, do without.",
        )
    if scheme in ("http", "https"):
        for mark, what in (("?", "a query"), ("#", "a fragment")):
            if mark in host + path:
                raise UsageError(
                    f"the destination {place} has {what}",
                    hint="Agents fetch it by its path: leave out what begins with " + mark + ".",
                )
    if not host and scheme in _NEEDS_AUTHORITY:
        raise UsageError(
            f"the destination {scheme}:// does not name {_NEEDS_AUTHORITY[scheme]}",
            hint=f"Write: {_EXAMPLES}.",
        )
    if at and scheme not in ("http", "https"):
        raise UsageError(
            f"the destination {scheme}://… has credentials in it, which nothing there reads",
            hint="S3 takes them from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile, HDFS from "
            "--user and --token-file.",
        )
    user, colon, password = user_info.partition(":")
    path = "/" + path if slash else "/"
    return _named(
        Destination(
            scheme, host, path, unquote(user) if at else None, unquote(password) if colon and at else None
        ),
        file_name,
    )


def aside_name(name: str, token: str) -> str:
    """What a file is called until it is whole. It has the name in it, for who wonders what is left behind."""
    return f".{name}.{token}.part"


def _named(destination: Destination, file_name: str) -> Destination:
    if not destination.path.endswith("/"):
        _check_segments(destination)
        return destination
    quoted = file_name if destination.scheme == "file" else quote(file_name, errors="surrogateescape")
    named = replace(destination, path=destination.path + quoted)
    _check_segments(named)
    return named


def _check_segments(destination: Destination) -> None:
    if destination.name in ("", ".", "..") or {".", ".."} & set(destination.path.split("/")):
        raise UsageError(
            f"the destination {destination.label} names no file: it has . or .. in its path",
            hint="Write the path without them; a slash at its end says that it is a folder.",
        )


def _refuse_forgotten_scheme(path: str) -> None:
    first, slash, _ = path.partition("/")
    if slash and _LOOKS_LIKE_HOST.fullmatch(first) and not Path(first).exists():
        shown = path.rpartition("@")[2]
        raise UsageError(
            f"the destination {shown} looks like that of a server, but has no scheme",
            hint=f"Write https://{shown}, or ./{shown} for a folder of this machine.",
        )


def _local(path: str, file_name: str) -> Destination:
    if not path:
        raise UsageError("the destination is empty", hint=f"Write: {_EXAMPLES}.")
    if "\0" in path:
        raise UsageError("the destination holds a null character", hint=f"Write: {_EXAMPLES}.")
    # Not resolved: a mounted share may be a link, which agents have under the same name.
    absolute = os.path.normpath(Path(path).expanduser().absolute())
    if path.endswith("/") or Path(absolute).is_dir():
        absolute = str(Path(absolute, file_name))
    return Destination("file", "", absolute)


def _path_of_file_uri(rest: str) -> str:
    path = rest
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        path = slash + path
        if host not in ("", "localhost"):
            raise UsageError(
                f"the destination file://{host}/… names another host",
                hint="file:/// is followed by a path on this machine, as file:///mnt/dist/.",
            )
    if not path.startswith("/"):
        raise UsageError(
            "the destination begins with file: but its path is not absolute",
            hint="Write file:///mnt/dist/, or the path alone.",
        )
    return unquote(path, errors="surrogateescape")
