"""Reading what users name as a file, which may be something else that never ends, or never begins."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_regular_file(path: Path, at_most: int | None = None) -> bytes:
    """The content of a regular file, without waiting for anybody, as a named pipe would have us do.

    Raises OSError, with a reason in `strerror`, if it cannot be read, is a folder, a pipe or a device, or is
    larger than `at_most` bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError as error:  # a null character, a lone surrogate
        raise OSError(errno.EINVAL, "no file can have this name") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read() if at_most is None else file.read(at_most + 1)
    finally:
        os.close(descriptor)
    if at_most is not None and len(content) > at_most:
        raise OSError(errno.EFBIG, f"it is larger than {at_most} bytes")
    return content
