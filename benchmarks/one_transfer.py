"""One upload in a process of its own: what carries the bytes, by our target or by boto3 with its defaults.

usage: python -m benchmarks.one_transfer ours|boto3 FILE DESTINATION

Prints the seconds from the first request to the moment when the file has its name. What comes before (start
of Python, imports, digest of the file) is not in them, as it is not in curl's own `time_total`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def main() -> int:
    """See the top of this file."""
    how, file, text = sys.argv[1:]
    print(_ours(Path(file), text) if how == "ours" else _boto3(file, text))
    return 0


def _ours(path: Path, text: str) -> float:
    from sparkmesos_core.progress import SILENT
    from sparkmesos_core.upload.destination import parse_destination
    from sparkmesos_core.upload.local_file import read_local_file
    from sparkmesos_core.upload.target import UploadOptions
    from sparkmesos_core.upload.targets import open_target

    file = read_local_file(path)
    target = open_target(parse_destination(text, path.name), UploadOptions(environment=dict(os.environ)))
    try:
        began = time.perf_counter()
        target.prepare()
        target.send(file, SILENT)
        target.publish()
        return time.perf_counter() - began
    finally:
        target.discard()
        target.close()


def _boto3(path: str, text: str) -> float:
    import boto3

    client = boto3.client("s3")
    bucket, _, key = text.removeprefix("s3://").partition("/")
    began = time.perf_counter()
    client.upload_file(path, bucket, key)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
