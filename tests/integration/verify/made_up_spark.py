"""Sparks and Javas that are not quite right, for a client to find: made of links to the real ones."""

from __future__ import annotations

import fnmatch
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.spark.home import SparkHome, find_spark
from sparkmesos_core.spark.java import find_java

VERSION = find_spark(None, {}).version
NAME = f"spark-{VERSION}-bin-hadoop3"
"""The folder of the installed Spark's release, and its archive's name without .tgz."""
PROGRAMS = ("spark-submit", "spark-class", "load-spark-env.sh", "find-spark-home")


def make_home(folder: Path, *, of: SparkHome | None = None, without: str = "", version: str = "") -> Path:
    """A Spark with the jars of `of`, else the installed one, but for those that a pattern matches.

    Or one of another version, which has no jars but the one by which a version is known.
    """
    jars = folder / "jars"
    jars.mkdir(parents=True)
    if version:
        (jars / f"spark-core_2.13-{version}.jar").touch()
    else:
        for jar in (of or find_spark(None, {})).jars.iterdir():
            if not fnmatch.fnmatchcase(jar.name, without):
                (jars / jar.name).symlink_to(jar)
    (folder / "bin").mkdir()
    for name in PROGRAMS:
        program = folder / "bin" / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return folder


def make_java(folder: Path, *, version: str, script: str = "") -> Path:
    """A Java that says it is of this version, and is the real one unless a script is given for it."""
    (folder / "bin").mkdir(parents=True)
    (folder / "release").write_text(f'JAVA_VERSION="{version}"\n')
    program = folder / "bin" / "java"
    if script:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    else:
        program.symlink_to(find_java(find_spark(None, {}), {}).executable)
    return folder


def make_archive(
    folder: str = NAME,
    *,
    release: str = f"Spark {VERSION} built for Hadoop 3.3.4\n",
    modes: Mapping[str, int] | None = None,
    size: int = 0,
    mode: str = "w:gz",
) -> bytes:
    """An archive of Spark: what is at the beginning of a release, and a file of so many zeros."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]

        def add(name: str, content: bytes, permissions: int = 0o644) -> None:
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size, info.mode = len(content), permissions
            archive.addfile(info, io.BytesIO(content))

        top = tarfile.TarInfo(folder)
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(top)
        add("RELEASE", release.encode())
        for name in PROGRAMS:
            add(f"bin/{name}", b"#!/bin/sh\n", (modes or {}).get(name, 0o755))
        add("jars/large.jar", bytes(size))
    return file.getvalue()
