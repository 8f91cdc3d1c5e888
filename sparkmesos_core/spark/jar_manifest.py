"""The manifest of a JAR: which class to run."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import printable

_MANIFEST = "META-INF/MANIFEST.MF"
_LARGEST_MANIFEST = 4 * 1024 * 1024
_HINT = "Give the main class with --class CLASS."


def main_class_of(jar: Path) -> str:
    """The `Main-Class` of a JAR, by the specification of JAR files. Raises UsageError if there is none."""
    if not os.path.isfile(jar):  # noqa: PTH113 - which fails for nothing; and a pipe would block
        raise UsageError(
            f"There is no JAR {printable(str(jar))} on this machine to find the main class in", hint=_HINT
        )
    try:
        with zipfile.ZipFile(jar) as archive, archive.open(_find(archive)) as manifest:
            content = manifest.read(_LARGEST_MANIFEST)
    except KeyError:
        raise UsageError(
            f"{printable(str(jar))} has no manifest that could name a main class", hint=_HINT
        ) from None
    except OSError as error:
        raise UsageError(
            f"{printable(str(jar))} cannot be read: {error.strerror or error}", hint=_HINT
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        # RuntimeError: encrypted, or compressed in a way that this Python does not know
        raise UsageError(
            f"{printable(str(jar))} is not a JAR that can be read: {error}", hint=_HINT
        ) from error
    found = _main_attributes(content).get(b"main-class")
    if found is None:
        raise UsageError(f"The manifest of {printable(str(jar))} names no main class", hint=_HINT)
    return found.decode(errors="replace")


def _find(archive: zipfile.ZipFile) -> str:
    """The name of the manifest, whose case does not matter. Raises KeyError if there is none."""
    for name in archive.namelist():
        if name.upper() == _MANIFEST:
            return name
    raise KeyError(_MANIFEST)


def _main_attributes(content: bytes) -> dict[bytes, bytes]:
    """The attributes in front of the first empty line, by their names in small letters.

    Lines are cut after 72 bytes: one that begins with a blank goes on with the one before it.
    """
    attributes: dict[bytes, bytes] = {}
    last = b""
    for line in content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if not line:
            break
        if line.startswith(b" ") and last:
            attributes[last] += line[1:]
            continue
        name, _, value = line.partition(b": ")
        last = name.lower()
        attributes[last] = value
    return attributes
