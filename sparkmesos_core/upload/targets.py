"""The target for a destination, whatever its scheme."""

from __future__ import annotations

from sparkmesos_core.upload.destination import Destination
from sparkmesos_core.upload.target import Target, UploadOptions


def open_target(destination: Destination, options: UploadOptions) -> Target:
    """The target for a file. Raises UsageError for options that it cannot use; nothing is asked yet.

    The libraries of a scheme are loaded here, when that scheme is used.
    """
    if destination.scheme in ("http", "https"):
        from sparkmesos_core.upload.http.target import HttpTarget

        return HttpTarget(destination, options)
    if destination.scheme in ("s3", "s3a", "s3n"):
        from sparkmesos_core.upload.s3.target import S3Target

        return S3Target(destination, options)
    if destination.scheme in ("hdfs", "webhdfs", "swebhdfs"):
        from sparkmesos_core.upload.hdfs.target import HdfsTarget

        return HdfsTarget(destination, options)
    from sparkmesos_core.upload.folder_target import FolderTarget

    return FolderTarget(destination, options)
