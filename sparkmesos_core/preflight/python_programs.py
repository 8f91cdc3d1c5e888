"""Which version of Python a program is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from sparkmesos_core.preflight.reading_time import seconds_left
from sparkmesos_core.program_answer import ask_program

Version = tuple[int, int]
"""The first two numbers, which PySpark wants to be equal (`worker.py`)."""

_NAMED = re.compile(r"(?:python|pypy)(?P<major>\d)\.(?P<minor>\d+)")
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*")
# In the archives of venv-pack, conda-pack and pex.
_IN_ENVIRONMENT = re.compile(
    r"(?:\./)?(?:lib(?:64)?|bin)/(?:python|pypy)(?P<major>\d)\.(?P<minor>\d+)(?:/|$)"
)
_ASK = "import sys; print('%d.%d' % sys.version_info[:2])"
_MOST_ENTRIES = 20_000


def named_version(program: str) -> Version | None:
    """The version that the name of a program tells, as in `/usr/bin/python3.11`; None if it tells none."""
    return _version(_NAMED.fullmatch(PurePosixPath(program).name))


def is_python(program: str) -> bool:
    """Whether it is Python by its name: jupyter and ipython are others, which not every option is for."""
    return _PYTHON.fullmatch(PurePosixPath(program).name) is not None


def version_of_program(
    program: str, environment: Mapping[str, str], path: str, *, deadline: float
) -> Version | None:
    """The version of a program of this machine, looked for in the folders of `path`; it is run to be asked.

    None if it is not there, does not answer before the `deadline` (of `time.monotonic`), or is no Python.
    """
    if not is_python(program):
        return None
    found = shutil.which(program, path=path)
    if found is None:
        return None
    if os.path.realpath(found) == os.path.realpath(sys.executable):
        return sys.version_info[:2]
    try:
        # Without what a site or a user adds to it: that takes time, and says nothing of the version.
        answer = ask_program(
            [found, "-S", "-E", "-c", _ASK],
            environment=environment,
            timeout=seconds_left(deadline),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.status != 0:
        return None
    return _version(re.fullmatch(r"(?P<major>\d+)\.(?P<minor>\d+)", answer.stdout.strip()))


def version_in_archive(archive: Path, *, deadline: float) -> Version | None:
    """The version of the environment that an archive holds, made by venv-pack, conda-pack or the like.

    None if that is not found before the `deadline` (of `time.monotonic`), or the archive cannot be read.
    """
    try:
        for count, name in enumerate(_names(archive)):
            if version := _version(_IN_ENVIRONMENT.match(name)):
                return version
            if count == _MOST_ENTRIES or time.monotonic() > deadline:
                break
    except (OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile):
        return None
    return None


def _names(archive: Path) -> Iterator[str]:
    if archive.suffix in (".zip", ".jar"):
        with zipfile.ZipFile(archive) as packed:
            yield from packed.namelist()
        return
    with tarfile.open(archive, "r|*") as unpacked:
        for entry in unpacked:
            yield entry.name


def _version(match: re.Match[str] | None) -> Version | None:
    return (int(match["major"]), int(match["minor"])) if match else None
