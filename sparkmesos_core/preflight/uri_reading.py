"""The beginning of the file that a URI names, read from here in the place of an agent's fetcher.

What keeps it from being read is either certain to keep agents from it, too, or may be so here alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sparkmesos_core.preflight.opened_file import OpenedFile
from sparkmesos_core.preflight.reading_failures import MISSING_HINT, NotKnownError, NotReadableError

_PIECE_BYTES = 1 << 16


def open_beginning(
    uri: str, environment: Mapping[str, str], *, size: int, deadline: float, ca_file: Path | None = None
) -> AbstractContextManager[OpenedFile]:
    """The first `size` bytes of a file, or a little more, in pieces.

    A path, or a `file:` URI, is one of this machine. S3 is asked with the credentials of AWS_* variables and
    the AWS files; HDFS, whose configuration `environment` leads to, over WebHDFS. `ca_file` holds
    certificates to trust besides the usual ones. Each wait ends at the `deadline` (of `time.monotonic`).

    Entering and reading raise NotReadableError, and NotKnownError, also for schemes that are not known here.
    """
    scheme, separator, _ = uri.partition("://")
    match scheme.lower() if separator else "file":
        case "http" | "https":
            from sparkmesos_core.preflight.http_reading import open_http

            return open_http(uri, size, deadline, ca_file)
        case "file":
            return _open_file(uri)
        case "hdfs" | "webhdfs" | "swebhdfs":
            from sparkmesos_core.preflight.storage_reading import open_hdfs

            return open_hdfs(uri, environment, deadline)
        case "s3" | "s3a" | "s3n":
            from sparkmesos_core.preflight.storage_reading import open_s3

            return open_s3(uri, size, deadline)
    raise NotKnownError(f"{scheme}:// is not read here")


@contextmanager
def _open_file(uri: str) -> Iterator[OpenedFile]:
    path = uri.removeprefix("file://").removeprefix("localhost")
    if not path.startswith("/"):
        raise NotKnownError("it is a relative path")  # said by a rule of the configuration
    try:
        # A pipe without a writer would otherwise be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            yield OpenedFile(
                iter(lambda: os.read(descriptor, _PIECE_BYTES), b""),
                size=status.st_size if stat.S_ISREG(status.st_mode) else None,
                changed_at=status.st_mtime,
            )
        finally:
            os.close(descriptor)
    except IsADirectoryError:
        raise NotReadableError("is a folder", MISSING_HINT) from None
    except (FileNotFoundError, NotADirectoryError):
        raise NotReadableError("does not exist", MISSING_HINT) from None
    except OSError as error:
        # What this user may not read, the agent's may.
        raise NotKnownError(f"it cannot be read here: {error.strerror or error}") from None
