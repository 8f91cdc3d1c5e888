"""What agents of a test run containers with: a stand-in for the docker CLI, or the real one where an engine runs."""

from __future__ import annotations

import io
import itertools
import json
import shutil
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration import stand_in_docker

Json = dict[str, Any]

_PATIENCE = 60.0


class StandInDocker:
    """The stand-in, and what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.path = folder / "docker"
        source = Path(stand_in_docker.__file__ or "").read_text()
        self.path.write_text(f"#!{sys.executable}\n{source}")
        self.path.chmod(0o755)

    def calls(self, kind: str) -> list[Json]:
        """The calls of a command (`run`, `pull`, ...), in order: `arguments`, and `environment` if it had a file of it."""
        log = self.folder / "calls.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        return [call for call in map(json.loads, lines) if call["arguments"][0] == kind]

    def running(self) -> list[Path]:
        """A file for each container that runs."""
        return list(self.folder.glob("*.pid"))


def option_values(arguments: list[str], option: str) -> list[str]:
    """The values of an option that can come several times."""
    return [value for word, value in itertools.pairwise(arguments) if word == option]


def real_docker() -> str | None:
    """The path of a docker CLI that has an engine, None if there is none."""
    docker = shutil.which("docker")
    if docker is None:
        return None
    asked = subprocess.run(
        [docker, "version", "--format", "{{.Server.Version}}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_PATIENCE,
        check=False,
    )
    return docker if asked.returncode == 0 else None


@contextmanager
def empty_image(docker: str) -> Iterator[str]:
    """The name of an image that holds nothing but a folder for temporary files, for as long as the block lasts."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as writer:
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        writer.addfile(folder)
    image = f"sparkmesos-test:{uuid.uuid4().hex}"  # there may be other tests beside ours
    command = [docker, "import", "-", image]
    subprocess.run(command, input=archive.getvalue(), capture_output=True, timeout=_PATIENCE, check=True)
    try:
        yield image
    finally:
        subprocess.run([docker, "image", "rm", image], capture_output=True, timeout=_PATIENCE, check=False)
