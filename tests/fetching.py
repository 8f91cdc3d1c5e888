"""What the tests of the fetcher share."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.localcluster.agent.fetcher import FetcherOptions, fetch_all


def hide_hadoop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test find the Hadoop of the machine it runs on."""
    for name in [name for name in os.environ if name.startswith("HADOOP_")]:
        monkeypatch.delenv(name)
    folders = os.environ["PATH"].split(os.pathsep)
    kept = [folder for folder in folders if not (Path(folder) / "hadoop").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(kept))


def make_sandbox(folder: Path) -> Path:
    sandbox = folder / "runs" / "sandbox"
    sandbox.mkdir(parents=True)
    return sandbox


def fetch(sandbox: Path, *uris: Any, cancelled: threading.Event | None = None, **options: Any) -> str:
    """Fetch URIs, given as such or as objects; the sandbox's stderr."""
    asked = [uri if isinstance(uri, dict) else {"value": str(uri)} for uri in uris]
    fetch_all(asked, sandbox, cancelled or threading.Event(), FetcherOptions(**options))
    return (sandbox / "stderr").read_text()


def files(sandbox: Path) -> set[str]:
    """What is in a sandbox besides its logs."""
    return {str(p.relative_to(sandbox)) for p in sandbox.rglob("*") if p.is_file()} - {"stdout", "stderr"}


def last_error(sandbox: Path) -> str:
    """What the log's last line, which tells of a failure, says after the URI."""
    line = (sandbox / "stderr").read_text().splitlines()[-1]
    assert line.startswith("E"), line
    assert "EXIT with status 1: Failed to fetch '" in line
    return line.split("': ", 1)[1]


def make_tar(path: Path, mode: Any = "w:gz", content: bytes = b"#!/bin/sh\n") -> Path:
    """An archive with one program, top/bin/run."""
    with tarfile.open(path, mode) as archive:
        info = tarfile.TarInfo("top/bin/run")
        info.size, info.mode = len(content), 0o755
        archive.addfile(info, io.BytesIO(content))
    return path
