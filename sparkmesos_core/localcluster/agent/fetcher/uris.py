"""What a `CommandInfo.URI` asks for: its check, its name in the sandbox, and which way it is fetched.

The rules are those of Mesos' `Fetcher::basename`, `validateUri`, `validateOutputFile` and `uriToLocalPath`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sparkmesos_core.localcluster.agent.fetcher.errors import FetchError, InvalidUriError
from sparkmesos_core.redaction import redact_text

JsonObject = dict[str, Any]

NET_SCHEMES = ("http", "https", "ftp", "ftps")
"""What Mesos leaves to libcurl; other schemes go to a Hadoop client."""


@dataclass(frozen=True)
class FetchUri:
    """A checked URI; what the framework left out is None. Equal ones are fetched once, as in Mesos."""

    value: str
    extract: bool = True
    executable: bool | None = None
    cache: bool | None = None
    output_file: str | None = None

    @property
    def location(self) -> str:
        """Where it is fetched from: the value without leading blanks."""
        return self.value.lstrip()

    @property
    def shown(self) -> str:
        """The value without the secrets that it may hold, for logs."""
        return redact_text(self.value)

    def name(self) -> str:
        """Where the file goes, relative to the sandbox. Raises FetchError if there is no such place."""
        name = self.output_file if self.output_file is not None else base_name(self.value)
        if name in ("", ".", ".."):
            raise FetchError("it names no file")
        return name

    def as_json(self) -> JsonObject:
        """The URI as `Fetcher Info` shows it: with the default of `extract`, and without secrets."""
        fields: JsonObject = {"value": self.shown, "extract": self.extract}
        for name in ("executable", "cache", "output_file"):
            if getattr(self, name) is not None:
                fields[name] = getattr(self, name)
        return fields


def check_uris(uris: Iterable[Mapping[str, Any]]) -> list[FetchUri]:
    """The URIs of a v1 CommandInfo, each once. Raises InvalidUriError for one that Mesos would refuse."""
    return list(dict.fromkeys(_check_uri(uri) for uri in uris))


def _check_uri(uri: Mapping[str, Any]) -> FetchUri:
    value, output_file = uri.get("value"), uri.get("output_file")
    if not isinstance(value, str) or not value:
        raise InvalidUriError("a URI has no value")
    base_name(value)
    if output_file is not None:
        parts = PurePosixPath(str(output_file))
        if not parts.parts:
            raise InvalidUriError("URI output file path is empty")
        # Mesos looks at the first character only: that nothing may leave the sandbox by .. is ours.
        if parts.is_absolute() or ".." in parts.parts:
            raise InvalidUriError("URI output file must be within the sandbox directory")
    return FetchUri(
        value,
        extract=bool(uri.get("extract", True)),
        executable=_optional_bool(uri.get("executable")),
        cache=_optional_bool(uri.get("cache")),
        output_file=None if output_file is None else str(output_file),
    )


def _optional_bool(value: Any) -> bool | None:
    return None if value is None else bool(value)


def base_name(uri: str) -> str:
    """The name a URI's file gets in the sandbox: what follows its last slash, a query included, as in Mesos.

    It can be empty, for `http://host/dir/`. Raises InvalidUriError for a URI without a path, and for one with
    a character that Mesos does not allow.
    """
    if any(character in uri for character in "\\'\0"):
        raise InvalidUriError("Illegal characters in URI")
    before, separator, rest = uri.partition("://")
    if separator and len(before) > 1:
        if not rest.partition("/")[2]:
            raise InvalidUriError(f"Malformed URI (missing path): {redact_text(uri)}")
        return rest.rpartition("/")[2]
    return uri.rstrip("/").rpartition("/")[2]


def scheme_of(location: str) -> str | None:
    """What stands before `://`, None if nothing does: then it is a path."""
    scheme, separator, _ = location.partition("://")
    return scheme if separator else None


def authority_and_path(location: str) -> tuple[str, str]:
    """What stands between `://` and the next slash, and the rest with that slash. Nothing is decoded."""
    authority, slash, path = location.partition("://")[2].partition("/")
    return authority, slash + path


def local_path(location: str) -> str | None:
    """The absolute path that a URI names on this machine, None if it names something elsewhere.

    Raises FetchError for a relative path. `file:/path`, with one slash, is one to Mesos.
    """
    scheme = scheme_of(location)
    if scheme not in (None, "file"):
        return None
    path = location.removeprefix("file://").removeprefix("localhost")
    if path.startswith("/"):
        return path
    if scheme == "file":
        raise FetchError("File URI only supports absolute paths")
    raise FetchError(
        "A relative path was passed for the resource but the Mesos framework home was not specified."
        " Please either provide this config option or avoid using a relative path"
    )
