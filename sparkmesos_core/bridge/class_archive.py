"""Archives of Spark's classes, with which JVMs of Spark 4 start in two thirds of the time (Java's AppCDS).

An archive is two files. Java maps the one, `NAME.jsa`, instead of reading, parsing and verifying ten thousand
classes. It takes it only if the class path begins as it did when the archive was made, with files of the same
size and date, and has no folder with something in it there; but on Spark's class path `conf/` is in front of
the jars. So the class path gets the other, `NAME.jar`, in front: its manifest names Spark's jars in the order
that they have anyway, and the bridge before them. What is behind it may be anything.

A third file, `NAME.json`, is written last, and tells what the archive is; or that it could not be made.

Source: HotSpot's filemap.cpp and classLoaderExt.cpp (JDK 17), the manual of `java`, "Class Data Sharing".
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.errors import UsageError

# Raised when what is in an archive changes although nothing does that the key is made of.
_FORMAT = 1
_LINE_BYTES = 72
"""The longest line of a manifest, by the specification of JAR files, without its end."""
# What Java and HotSpot take for the same file: the one reads URLs in a manifest, the other paths.
_PLAIN = re.compile(r"[A-Za-z0-9_./+=@,~-]+")

MANIFEST = "META-INF/MANIFEST.MF"
JVM_OPTIONS = ("-Xshare:auto", "-Xlog:cds*=off")
"""What goes with an archive. Where it does not fit, a JVM does without, and would say so on stdout, which is
the application's. What else is logged, and where, is not changed."""


@dataclass(frozen=True)
class ClassArchive:
    """Where an archive is, or is to be: `base` is its path without the ends of its files."""

    base: Path

    @property
    def classes(self) -> Path:
        """What Java maps."""
        return self.base.with_name(self.base.name + ".jsa")

    @property
    def class_path(self) -> Path:
        """The jar to put in front of the class path."""
        return self.base.with_name(self.base.name + ".jar")

    @property
    def record(self) -> Path:
        """What is known of it."""
        return self.base.with_name(self.base.name + ".json")

    @property
    def lock(self) -> Path:
        """Locked by whoever makes it."""
        return self.base.with_name(self.base.name + ".lock")

    @property
    def java_options(self) -> tuple[str, ...]:
        """The options of a JVM that is to use it."""
        return (f"-XX:SharedArchiveFile={self.classes}", *JVM_OPTIONS)


@dataclass(frozen=True)
class ArchiveRecord:
    """What is known of an archive."""

    jars: str
    """The folder of Spark's jars that it is for."""
    java: str
    """The home of the Java that it is for."""
    bytes: int = 0
    """The size of what Java maps. A JVM crashes on one that was cut off."""
    names: frozenset[str] = frozenset()
    """What is at the top of Spark's jars: files of these names in `conf/` would no longer be found first."""
    failure: str = ""
    """Why it could not be made; empty if it was."""


def archive_in(folder: Path, bridge: Path, jars: Sequence[Path], java_home: Path) -> ClassArchive | None:
    """The archive in this folder for a bridge, Spark's jars and a Java, whether it is there yet or not.

    It is another one as soon as any of them changes. None if there can be none: some file is not there (as
    the archive of Java's own classes, on which this one builds), or a path is not `is_plain`.
    """
    digest = hashlib.sha256(f"format {_FORMAT}\n".encode())
    home, folder = Path(os.path.realpath(java_home)), Path(os.path.realpath(folder))
    lib = home / "lib"
    files = [home / "release", lib / "modules", lib / "server" / "classes.jsa", bridge, *jars]
    try:
        for path in files:
            stat = path.stat()
            line = f"{os.path.realpath(path)} {stat.st_size} {stat.st_mtime_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
    except OSError:
        return None
    if not all(map(is_plain, (folder, bridge, *jars))):
        return None
    return ClassArchive(folder / f"classes-{digest.hexdigest()[:20]}")


def is_plain(path: Path) -> bool:
    """Whether manifests and HotSpot understand a path alike, which blanks, for one, prevent."""
    return _PLAIN.fullmatch(os.path.realpath(path)) is not None


def named_archive(classes: Path) -> ClassArchive:
    """The archive whose classes are in this file. Raises UsageError if it is not called so, or cannot be."""
    path = os.path.realpath(classes)
    if not path.endswith(".jsa") or not is_plain(classes):
        raise UsageError(
            f"{path} is no name for an archive of classes",
            hint="Name a file that ends in .jsa, in a folder without blanks: /opt/spark-4.3.0.jsa.",
        )
    return ClassArchive(Path(path.removesuffix(".jsa")))


def jars_in_order(jars_dir: Path) -> list[Path]:
    """Spark's jars in the order of its class path; empty if they cannot be read.

    Spark's launcher puts slf4j's API in front (`AbstractCommandBuilder.buildClassPath`) of `jars/*`, by which
    Java means the order of the folder itself.
    """
    try:
        with os.scandir(jars_dir) as entries:
            jars = [
                Path(one.path) for one in entries if one.name.endswith((".jar", ".JAR")) and one.is_file()
            ]
    except OSError:
        return []
    return sorted(jars, key=lambda jar: not jar.name.startswith("slf4j-api-"))


def read_record(archive: ClassArchive) -> ArchiveRecord | None:
    """What is known of an archive; None if nobody has made it, or what there is of it is not whole."""
    try:
        read = json.loads(archive.record.read_text(encoding="utf-8"))
        record = ArchiveRecord(
            jars=str(read["jars"]),
            java=str(read["java"]),
            bytes=int(read["bytes"]),
            names=frozenset(map(str, read["names"])),
            failure=str(read["failure"]),
        )
        if record.failure:
            return record
        is_whole = archive.classes.stat().st_size == record.bytes and archive.class_path.is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if is_whole else None


def record_text(record: ArchiveRecord) -> str:
    """The text of the file that `read_record` reads."""
    fields = {
        "jars": record.jars,
        "java": record.java,
        "bytes": record.bytes,
        "names": sorted(record.names),
        "failure": record.failure,
    }
    return json.dumps(fields, indent=1) + "\n"


def manifest_with_class_path(paths: Iterable[Path], folder: Path) -> bytes:
    """The manifest of a jar in `folder` that puts these files on the class path.

    Java takes no absolute paths there, so they are relative; all are without links and blanks.
    """
    text = " ".join(os.path.relpath(path, folder) for path in paths)
    rest = f"Class-Path: {text}".encode()
    lines = [rest[:_LINE_BYTES]]
    rest = rest[_LINE_BYTES:]
    while rest:
        lines.append(b" " + rest[: _LINE_BYTES - 1])
        rest = rest[_LINE_BYTES - 1 :]
    return b"Manifest-Version: 1.0\r\n" + b"\r\n".join(lines) + b"\r\n\r\n"


def is_class_path_jar(path: Path) -> bool:
    """Whether a file is a jar that has a manifest and nothing else, as those of archives. Raises OSError."""
    try:
        with zipfile.ZipFile(path) as opened:
            return opened.namelist() == [MANIFEST]
    except zipfile.BadZipFile:
        return False


def top_names(jars: Iterable[Path]) -> frozenset[str]:
    """The names of files and folders at the top of jars. Raises OSError, or zipfile.BadZipFile."""
    names: set[str] = set()
    for jar in jars:
        with zipfile.ZipFile(jar) as opened:
            names.update(name.partition("/")[0] for name in opened.namelist())
    return frozenset(names)
