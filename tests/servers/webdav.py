"""A real WebDAV server: wsgidav on cheroot."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sparkmesos_core.master import HostPort


@contextmanager
def webdav_server(
    folder: Path,
    *,
    users: Mapping[str, str] | None = None,
    digest: bool = False,
    certificate: Path | None = None,
    prefix: Sequence[str] = (),
) -> Iterator[HostPort]:
    """Serve a folder until the block ends; its address.

    It does PUT, GET with ranges, HEAD, DELETE, MKCOL, MOVE and PROPFIND. With `users` (name to password) it
    wants basic authentication, or digest. `certificate` is a PEM file with the key in it: https then.
    `prefix` is a command that starts the server, as of small_disk.
    """
    program = Path(__file__).with_name("wsgidav_process.py")
    asked = {
        "folder": str(folder),
        "users": dict(users) if users else None,
        "digest": digest,
        "certificate": str(certificate) if certificate else None,
    }
    with subprocess.Popen(
        [*prefix, sys.executable, str(program), json.dumps(asked)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "wsgidav did not start"
            yield HostPort("127.0.0.1", int(line))
        finally:
            process.kill()
