"""Files of this machine that a driver in the cluster needs: which they are, and what takes their place.

What the user writes as a plain path can be put where agents fetch it. Each file then gets a folder of its
own, named for its content: so what is there already is not sent again, two versions of an application do not
get in each other's way, and agents' caches never hold an old one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sparkmesos_core.conf.setting import Setting
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.submit.cluster_mode import FILE_LISTS, is_application_path, is_path

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.upload.destination import Destination

UriOf = Callable[[Path], str]
"""Tells the URI under which agents find a file of this machine."""

_DIGEST_CHARACTERS = 32
"""Of the SHA-256 that names a file's folder: 128 bits, which nobody hits by chance."""


def staged_destination(stage_url: str, name: str, sha256: str) -> Destination:
    """Where a file of this name and content is put below `stage_url`. Raises UsageError."""
    from sparkmesos_core.upload.destination import parse_destination

    return parse_destination(f"{stage_url.rstrip('/')}/{sha256[:_DIGEST_CHARACTERS]}/", name)


def with_staged_files(client: ClientConfiguration, directory: Path, uri_of: UriOf) -> ClientConfiguration:
    """The same submission with URIs in the place of plain paths.

    `directory` is the one that relative paths are relative to. Raises UsageError for files that are not
    there, and what `uri_of` raises.
    """
    changed = []
    for key in FILE_LISTS:
        setting = client.configuration.setting(key)
        if setting is None:
            continue
        parts = [text.strip() for text in setting.value.split(",") if text.strip()]
        if any(is_path(part, directory) for part in parts):
            uris = [uri for part in parts for uri in _uris(part, directory, uri_of)]
            changed.append(Setting(key, ",".join(uris), setting.origin))
    arguments = client.arguments
    resource = arguments.resource
    if resource is not None and is_application_path(resource, directory):
        path = directory / resource
        _require(path, resource)
        main_class = arguments.main_class
        if main_class is None and not (arguments.is_python or arguments.is_r):
            from sparkmesos_core.spark.jar_manifest import main_class_of

            main_class = main_class_of(path)
        arguments = replace(arguments, resource=uri_of(path), main_class=main_class)
    return replace(client, arguments=arguments, configuration=client.configuration.above(changed))


def _uris(part: str, directory: Path, uri_of: UriOf) -> list[str]:
    """What takes the place of one element of a list; a pattern may stand for several files."""
    from sparkmesos_core.spark.file_patterns import resolve_files
    from sparkmesos_core.spark.java_uri import parse_uri

    if not is_path(part, directory):
        return [part]
    uris = []
    for text in resolve_files(part, directory).split(","):
        uri = parse_uri(text)
        assert uri is not None  # it is what a path was resolved to
        path = Path(uri.decoded_path)
        _require(path, part)
        _, mark, fragment = text.partition("#")
        uris.append(uri_of(path) + mark + fragment)
    return uris


def _require(path: Path, given: str) -> None:
    if not path.is_file():
        raise UsageError(
            f"There is no file {quoted(given)} on this machine to be staged",
            hint="Correct the path, or give a URL that agents can fetch.",
        )
