"""Archives that tests make up."""

from __future__ import annotations

import io
import os
import tarfile
from typing import Any

RELEASE = (
    "spark-3.5.9-bin-hadoop3/",
    "spark-3.5.9-bin-hadoop3/LICENSE",
    "spark-3.5.9-bin-hadoop3/RELEASE",
    "spark-3.5.9-bin-hadoop3/bin/",
    "spark-3.5.9-bin-hadoop3/bin/spark-class",
)
"""What the beginning of a release looks like."""


def tar(*names: str, mode: Any = "w:gz", size: int = 10) -> bytes:
    """A tar archive with these entries: folders, if there is a slash at the end, or files of so many bytes
    that no compression makes less."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name in names:
            info = tarfile.TarInfo(name.rstrip("/") or "./")
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = size
                archive.addfile(info, io.BytesIO(os.urandom(size)))
    return file.getvalue()
