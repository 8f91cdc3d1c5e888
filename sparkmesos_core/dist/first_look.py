"""Whether an archive is likely to be uploaded as it is, by the little that it begins with."""

from __future__ import annotations

import tarfile

from sparkmesos_core.dist.decompression import UnpackedStream
from sparkmesos_core.dist.names import compression_of, leads_there
from sparkmesos_core.dist.packing import begins_as_packed
from sparkmesos_core.dist.prepare import PrepareOptions
from sparkmesos_core.dist.source import Source, SourceKind
from sparkmesos_core.errors import ArchiveError


def seems_ready(source: Source, name: str, options: PrepareOptions) -> bool:
    """Whether it is worth to begin with the upload of a source before all of it was read.

    That is so of archives that begin as those do which were packed here, and of any archive if nothing is to
    be put into it or left out. Nothing is promised: the rest of it may still be wrong, or need a change.
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
    )
