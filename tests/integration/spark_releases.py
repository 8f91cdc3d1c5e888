"""Other releases of Spark than the installed one, for tests: from PyPI's source distributions into a cache.

The cache is kept between runs: `SPARKMESOS_TEST_CACHE`, else `sparkmesos-tests` in the user's cache folder. A release is
about 300 MB to download, Spark 4 about 450 MB (10 to 40 s where that was measured), and as much on disk.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

# The last patch of each minor release with Mesos that PyPI carries, and that Spark's own documentation lets run on Java 17.
RUNNABLE = ("3.3.4", "3.4.4")
# The same of those that need Java 8 or 11, or 8 only.
OLDER = ("2.4.8", "3.0.3", "3.1.3", "3.2.4")
# The Spark 4 that the suite runs against besides the installed Spark: see spark_under_test.py.
SPARK_4 = "4.3.0"
# The last patches of its older minor releases.
OLDER_4 = ("4.0.5", "4.1.4", "4.2.1")
_OLDER_VARIABLE = "SPARKMESOS_TEST_OLDER_SPARKS"
# Where the parts of a Spark home are in a source distribution.
_PARTS = {
    ("deps", "bin"): "bin",
    ("deps", "sbin"): "sbin",
    ("deps", "jars"): "jars",
    ("lib",): "python/lib",
    ("pyspark", "python", "pyspark"): "python/pyspark",
}
_PROGRAMS = ("bin", "sbin")
_TIMEOUT = 600
# Of whoever runs the tests, and looked up before any of them has a home of its own.
_CACHE = Path(
    os.environ.get("SPARKMESOS_TEST_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sparkmesos-tests"
)
# What the setup.py of old releases can do without, or stumbles upon: Spark 2.4's calls a function that pypandoc lost in 1.8.
_CONSTRAINTS = "pypandoc<1.8\nsetuptools<66\n"


def spark_release(version: str) -> Path:
    """A Spark home of this version with `jars`, programs and Python's archives; downloads it if it is not in the cache.

    Skips the test if it cannot be downloaded, unless in CI, where that is a failure.
    """
    with locked_cache(f"spark-{version}") as home:
        if not home.is_dir():
            with tempfile.TemporaryDirectory(dir=home.parent) as folder:
                unpacked = Path(folder) / "spark"
                _unpack(_download(version, Path(folder)), unpacked)
                unpacked.rename(home)
    return home


def wants_older_sparks() -> bool:
    """Whether who runs the tests has asked for those of OLDER and OLDER_4: see CONTRIBUTING.md."""
    return bool(os.environ.get(_OLDER_VARIABLE))


def older_spark(version: str) -> Path:
    """A Spark home of one of OLDER and OLDER_4, as far as it is there; it is downloaded if that is wanted.

    Skips the test if none of them is wanted.
    """
    if not wants_older_sparks():
        pytest.skip(f"{_OLDER_VARIABLE} is not set: see CONTRIBUTING.md")
    chosen = os.environ[_OLDER_VARIABLE]
    return spark_release(version) if chosen == "download" else Path(chosen) / version


def cannot_run(why: str) -> NoReturn:
    """Skips a test for what this machine lacks; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


@contextmanager
def locked_cache(name: str) -> Iterator[Path]:
    """A folder in the cache, which need not be there yet; meanwhile no other test run has it."""
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _CACHE / name


def _download(version: str, folder: Path) -> Path:
    constraints = folder / "constraints"
    constraints.write_text(_CONSTRAINTS)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "pyspark"]
    done = subprocess.run(
        [*download, "--dest", str(folder), f"pyspark=={version}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT,
        check=False,
        env={
            **os.environ,
            "PIP_CONSTRAINT": str(constraints),
            "PIP_BUILD_CONSTRAINT": str(constraints),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        },
    )
    if done.returncode:
        cannot_run(f"pyspark {version} cannot be downloaded:\n{done.stdout[-1500:]}")
    (archive,) = folder.glob(f"pyspark-{version}.tar.gz")
    return archive


def _unpack(archive: Path, home: Path) -> None:
    """What an official release would have of the distribution, but for the sources of Python."""
    with tarfile.open(archive) as tar:
        for member in tar:
            *folder, name = Path(member.name).parts[1:] or ("",)
            part = _PARTS.get(tuple(folder))
            if part is None or not member.isfile():
                continue
            target = home / part / name
            target.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
            target.chmod(0o755 if part in _PROGRAMS else 0o644)
