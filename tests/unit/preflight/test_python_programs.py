from __future__ import annotations

import io
import os
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import psutil
import pytest

from sparkmesos_core.preflight.python_programs import (
    Version,
    is_python,
    named_version,
    version_in_archive,
    version_of_program,
)

FAR = 60.0
OURS = sys.version_info[:2]


def program(folder: Path, body: str, name: str = "python3") -> str:
    """A stand-in for Python."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def version_of(name: str, path: str = "", seconds: float = FAR) -> Version | None:
    return version_of_program(name, dict(os.environ), path, deadline=time.monotonic() + seconds)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("python3.9", (3, 9)),
        ("/usr/bin/python3.11", (3, 11)),
        ("./environment/bin/python2.7", (2, 7)),
        ("pypy3.10", (3, 10)),
        ("python3", None),
        ("/opt/python3.9/bin/python", None),
        ("python3.9-wrapper", None),
        ("", None),
    ],
)
def test_names_that_tell_a_version(name: str, version: Version | None) -> None:
    assert named_version(name) == version


def test_what_is_python_by_its_name() -> None:
    assert all(map(is_python, ("python", "/usr/bin/python3", "python3.12", "pypy3")))
    assert not any(map(is_python, ("jupyter", "/opt/bin/ipython", "ipython3", "python-wrapper", "")))


def test_programs_of_this_machine(tmp_path: Path) -> None:
    assert version_of(sys.executable) == OURS
    # One that has to be asked.
    wrapper = program(tmp_path, f'exec "{sys.executable}" "$@"')
    assert version_of(wrapper) == OURS
    assert version_of("python3", str(tmp_path)) == OURS
    assert version_of(program(tmp_path, "echo 3.7", "python")) == (3, 7)


def test_programs_that_tell_nothing(tmp_path: Path) -> None:
    assert version_of("python3", str(tmp_path)) is None
    assert version_of("python3", "") is None
    assert version_of(program(tmp_path, "exit 3")) is None
    assert version_of(program(tmp_path, "echo Welcome")) is None
    assert version_of(program(tmp_path, "echo 3.7; kill $$")) is None
    (tmp_path / "python").write_text("not executable")
    assert version_of(str(tmp_path / "python")) is None


def test_only_python_is_run(tmp_path: Path) -> None:
    jupyter = program(tmp_path, f"touch {tmp_path}/ran; echo 3.7", "jupyter")
    assert version_of(jupyter) is None
    assert not (tmp_path / "ran").exists()


def test_a_program_that_does_not_answer_is_ended(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    assert version_of(program(tmp_path, "exec sleep 600"), seconds=0.3) is None
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.parametrize(
    ("names", "version"),
    [
        (["bin/activate", "bin/python3.9", "lib/python3.9/os.py"], (3, 9)),
        (["./pyvenv.cfg", "./lib/python3.12/site-packages/a.py"], (3, 12)),
        (["bin/python", "lib64/python3.8"], (3, 8)),
        (["bin/python", "share/python3.8/a"], None),
        ([], None),
    ],
)
def test_environments_in_archives(tmp_path: Path, names: list[str], version: Version | None) -> None:
    packed = tmp_path / "environment.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    zipped = tmp_path / "environment.zip"
    with zipfile.ZipFile(zipped, "w") as zip_archive:
        for name in names:
            zip_archive.writestr(name, b"")
    for file in (packed, zipped):
        assert version_in_archive(file, deadline=time.monotonic() + FAR) == version


def test_archives_that_cannot_be_read(tmp_path: Path) -> None:
    for name in ("no.tar.gz", "text.tar.gz", "text.zip"):
        if name != "no.tar.gz":
            (tmp_path / name).write_text("text")
        assert version_in_archive(tmp_path / name, deadline=time.monotonic() + FAR) is None
