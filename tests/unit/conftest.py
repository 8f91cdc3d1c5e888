"""Stand-ins on disk for installations that unit tests look at but never start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SparkMaker = Callable[..., Path]
JavaMaker = Callable[..., Path]


@pytest.fixture
def make_spark(tmp_path: Path) -> SparkMaker:
    """Makes a folder that looks like a Spark of a given version."""

    def make(version: str = "3.5.9", scala: str = "2.12", *, mesos: bool = True, name: str = "spark") -> Path:
        home = tmp_path / name
        (home / "jars").mkdir(parents=True)
        (home / "bin").mkdir()
        (home / "bin" / "spark-submit").touch(mode=0o755)
        (home / "jars" / f"spark-core_{scala}-{version}.jar").touch()
        if mesos:
            (home / "jars" / f"spark-mesos_{scala}-{version}.jar").touch()
        return home

    return make


@pytest.fixture
def make_java(tmp_path: Path) -> JavaMaker:
    """Makes a folder that looks like a Java of a given version; without a release file its java tells it.

    `modules` are those that it tells of, with blanks between.
    """

    def make(
        version: str = "17.0.9", *, release: bool = True, name: str = "java", modules: str | None = None
    ) -> Path:
        home = tmp_path / name
        (home / "bin").mkdir(parents=True)
        java = home / "bin" / "java"
        java.write_text(f"#!/bin/sh\nprintf '    java.home = {home}\\n    java.version = {version}\\n' >&2\n")
        java.chmod(0o755)
        if release:
            told = "" if modules is None else f'MODULES="{modules}"\n'
            (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n{told}')
        return home

    return make
