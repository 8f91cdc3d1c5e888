"""The patterns that lists of files may hold (`--jars 'file:///lib/*.jar'`), as Spark and Hadoop resolve them.

`DependencyUtils.resolveGlobPaths` looks for every file of `--jars`, `--files`, `--py-files` and `--archives`
on the machine where spark-submit runs, before it submits.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import quoted
from sparkmesos_core.spark.java_uri import JavaUri, parse_uri, quote_fragment, quote_path, resolve_uri

_MOST_FILES = 10_000
"""Far more than a list of jars can hold, and soon found."""


def resolve_files(comma_list: str, directory: Path) -> str:
    """A comma list of files with its patterns resolved.

    Paths become URIs (`resolve_uri`). What names a file of this machine is looked for: `*` stands for any
    part of a name, a backslash takes that away, braces mean nothing without a comma; a file that is here
    becomes `file:///…` (`file:/…` if its name came from a pattern); one that is not stays as it is, since it
    may be on the agents. URIs of other schemes stay as they are.

    Raises UsageError for a pattern or a folder that yields nothing, several files for one fragment, and what
    Spark cannot carry: a host in a `file:` URI, and names with `:`, `?`, `[` or `]`.
    """
    found: list[str] = []
    for item in to_sequence(comma_list):
        text = resolve_uri(item, directory)
        uri = parse_uri(text)
        if uri is None or (uri.scheme or "").lower() != "file":
            found.append(text)
            continue
        fragment = uri.decoded_fragment
        names = _local_files(uri, item, text.partition("#")[0])
        if fragment is not None:
            if len(names) > 1:
                raise UsageError(
                    f"{quoted(item)} stands for {len(names)} files, which cannot all be named "
                    f"{quoted(fragment)}",
                    hint="Name one file, or leave out what follows the '#'.",
                )
            names = [f"{name}#{quote_fragment(fragment)}" for name in names]
        found += names
    return ",".join(found)


def _local_files(uri: JavaUri, item: str, text: str) -> list[str]:
    """The URIs of the files that a `file:` URI means; `text` is the URI without its fragment."""
    if uri.path is None or uri.authority is not None or uri.query is not None:
        raise UsageError(
            f"Spark cannot use {quoted(item)}",
            hint="A file: URI is file:/// and an absolute path, nothing else.",
        )
    path = "/" + posixpath.normpath(uri.decoded_path).lstrip("/")
    wrong = next((character for character in ":?[]" if character in path), None)
    if wrong is not None:
        raise UsageError(
            f"Spark cannot use {quoted(item)}: no path of a file may hold {quoted(wrong)}",
            hint="Give the file another name, or the URL of a server that has it.",
        )
    components = [_Name.parse(component, item) for component in path.split("/")[1:]]
    if not any(component.is_pattern for component in components):
        literal = "/" + "/".join(component.segments[0] for component in components)
        if _is_folder(literal):
            raise UsageError(
                f"{quoted(item)} is a folder, which Spark leaves out",
                hint="Name its files (a pattern such as FOLDER/*.jar will do), or an archive of it.",
            )
        return [f"file://{quote_path(literal)}"] if _exists(literal) else [text]
    found = ["/"]
    for component in components:
        found = [path for folder in found for path in component.matching(folder)]
        if len(found) > _MOST_FILES:
            raise UsageError(
                f"{quoted(item)} stands for too many files", hint="Name a folder with fewer files."
            )
    files = [quote_path(path) for path in found if not _is_folder(path)]
    if not files:
        raise UsageError(
            f"No file of this machine is like {quoted(item)}",
            hint="Patterns are looked up here, not on the agents. Name the files one by one.",
        )
    slashes = "" if components[-1].is_pattern else "//"
    return [f"file:{slashes}{name}" for name in sorted(files)]


@dataclass(frozen=True)
class _Name:
    """One name of a path, which may be a pattern."""

    segments: tuple[str, ...]
    """What stands between its asterisks."""
    is_pattern: bool

    @classmethod
    def parse(cls, component: str, item: str) -> _Name:
        segments = [""]
        depth = 0
        is_pattern = False
        characters = iter(component)
        for character in characters:
            if character == "\\":
                escaped = next(characters, None)
                if escaped is None:
                    raise UsageError(
                        f"{quoted(item)} has a name that ends in a backslash", hint="Take it out."
                    )
                segments[-1] += escaped
            elif character in "*{":
                is_pattern = True
                if character == "*":
                    segments.append("")
                else:
                    depth += 1
            elif character == "}" and depth:
                depth -= 1
            else:
                segments[-1] += character
        if depth:
            raise UsageError(
                f"{quoted(item)} has a '{{' without a '}}'",
                hint="A comma ends the item even between braces: give each alternative in full.",
            )
        return cls(tuple(segments), is_pattern)

    def matching(self, folder: str) -> list[str]:
        """The paths in a folder whose names are like this one; checksum files of Hadoop are hidden."""
        if not self.is_pattern:
            path = posixpath.join(folder, self.segments[0])
            return [path] if _exists(path) else []
        try:
            names = [path.name for path in Path(folder).iterdir()]
        except (OSError, ValueError):
            return []
        return [
            posixpath.join(folder, name)
            for name in names
            if self._is_like(name) and not (name.startswith(".") and name.endswith(".crc"))
        ]

    def _is_like(self, name: str) -> bool:
        if len(self.segments) == 1:
            return name == self.segments[0]
        first, *middle, last = self.segments
        if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
            return False
        position, end = len(first), len(name) - len(last)
        for segment in middle:
            position = name.find(segment, position, end)
            if position < 0:
                return False
            position += len(segment)
        return True


def _exists(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - which unlike Path.exists fails for nothing


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - as above
