"""Whether an archive is one at all, and likely to be uploaded as it is, by the little that it begins with."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.dist.archive import open_archive
from sparkmesos_core.dist.decompression import UnpackedStream
from sparkmesos_core.dist.names import compression_of, leads_there
from sparkmesos_core.dist.packing import begins_as_packed
from sparkmesos_core.dist.prepare import PrepareOptions
from sparkmesos_core.dist.source import Source, SourceKind
from sparkmesos_core.errors import ArchiveError, JavaNotFoundError
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.java import find_compiling_java

_VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?")
_LIKELY_VERSION = "3.5.0"


def require_archive(path: Path) -> None:
    """Raises ArchiveError if a file does not even begin as a tar archive does. It is not read any further."""
    with open_archive(path) as reader:
        next(iter(reader), None)


def seems_ready(source: Source, name: str, options: PrepareOptions, environment: Mapping[str, str]) -> bool:
    """Whether it is worth to begin with the upload of a source before all of it was read.

    That is so of archives that begin as those do which were packed here, and of any archive if nothing is to
    be put into it or left out. If the bridge in it has to be compared, there must be a Java to compile one:
    else it is not sent in vain. Nothing is promised: the rest of it may still be wrong, or need a change.
    """
    if source.kind is not SourceKind.ARCHIVE or options.excludes:
        return False
    try:
        with UnpackedStream(source.path) as stream:
            block, compression = stream.piece()[: tarfile.BLOCKSIZE], stream.compression
        first = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape").name
    except (ArchiveError, tarfile.HeaderError):
        return False
    changes_nothing = not (options.bridge or options.default_excludes)
    return (
        compression_of(name) == compression
        and leads_there(name, first.removeprefix("./").partition("/")[0])
        and (changes_nothing or begins_as_packed(block))
        and (not options.bridge or _has_java(source.path, name, environment))
    )


def _has_java(path: Path, name: str, environment: Mapping[str, str]) -> bool:
    """Whether there is a Java for the Spark that the archive's name tells of."""
    told = _VERSION.search(name)
    version = told[0] if told is not None else _LIKELY_VERSION
    try:
        find_compiling_java(SparkHome(path, version, "", has_mesos=True, origin="the source"), environment)
    except JavaNotFoundError:
        return False
    return True
