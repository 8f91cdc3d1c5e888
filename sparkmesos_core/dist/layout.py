"""What a SPARK_HOME consists of, in the layout of a release."""

from __future__ import annotations

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.excludes import Excludes, summary
from sparkmesos_core.dist.packing import unreadable
from sparkmesos_core.errors import ArchiveError
from sparkmesos_core.quoting import printable

_FOLDER_MODE, _PROGRAM_MODE, _FILE_MODE, _LINK_MODE = 0o755, 0o755, 0o644, 0o777
_LARGEST_VERSION_FILE = 1 << 16
_HADOOP_JAR = re.compile(r"hadoop-(?:client-api|common|client)-(?P<version>\d[\w.-]*?)\.jar")
# The same file is in spark-core up to 3.4, and in spark-common-utils since.
_VERSION_JAR = re.compile(r"spark-(?:core|common-utils)_\d+\.\d+-(?P<version>\d[\w.-]*?)\.jar")
_VERSION_FILE = "spark-version-info.properties"
# What pip puts beside Python's sources, or users and Spark itself beside everything.
_NOT_PYTHON = frozenset(
    ["bin", "conf", "data", "examples", "jars", "kubernetes", "licenses", "python", "R", "sbin", "yarn"]
)


@dataclass(frozen=True)
class FolderContents:
    """What goes into an archive, and what does not."""

    entries: list[Entry]
    """Sorted, each folder before what is in it; paths inside the top folder."""
    left_out: list[str]
    """What was there and was left out, as `excludes.summary` puts it."""


def folder_entries(home: Path, excludes: Excludes, extra: Iterable[Entry] = ()) -> FolderContents:
    """What there is to pack of a SPARK_HOME: an unpacked release as it is, a pip-installed pyspark completed.

    That lacks `RELEASE`, and has Python's sources at the top rather than in `python/pyspark`
    (`python/packaging/classic/setup.py` of Spark's sources against `dev/make-distribution.sh`). Scripts in
    `bin/` and `sbin/` become executable. Links to what is packed as well stay links, but relative ones; all
    others are followed. `extra` is added and wins over what is there.

    Raises ArchiveError for what cannot be read or packed, such as links in a circle or a socket, unless it is
    excluded; UsageError if the user's own pattern excludes what no Spark can do without.
    """
    home = Path(os.path.realpath(home))
    walk = _Walk(home, excludes, pip_installed=is_pip_installed(home))
    walk.folder(home, "", ())
    walk.links()
    found = walk.found
    if "RELEASE" not in found:
        content = release_text(home / "jars").encode()
        found["RELEASE"] = Entry("RELEASE", EntryKind.FILE, _FILE_MODE, len(content), source=content)
    for entry in extra:
        found[entry.name] = entry
    return FolderContents(_with_folders(found), summary(walk.left_out, found))


def is_pip_installed(home: Path) -> bool:
    """Whether this is pyspark's own folder in site-packages, which is a SPARK_HOME of its own layout."""
    return (home / "__init__.py").is_file() and (home / "find_spark_home.py").is_file()


def release_text(jars: Path) -> str:
    """What `dev/make-distribution.sh` would have written to RELEASE, as far as the jars tell.

    Raises ArchiveError if they do not tell Spark's version.
    """
    try:
        names = sorted(jar.name for jar in jars.iterdir())
    except OSError as error:
        raise unreadable(jars, error) from error
    version, revision = "", ""
    for name in names:
        if match := _VERSION_JAR.fullmatch(name):
            properties = _version_properties(jars / name)
            version = properties.get("version") or version or match["version"]
            revision = properties.get("revision") or revision
    if not version:
        raise ArchiveError(
            f"{printable(str(jars))} has no spark-core_*.jar, which says what Spark this is",
            hint="Give the top folder of an unpacked Spark, or that of an installed pyspark.",
        )
    hadoop = next((match["version"] for name in names if (match := _HADOOP_JAR.fullmatch(name))), None)
    built_from = f" (git revision {revision[:10]})" if revision else ""
    built_for = f" built for Hadoop {hadoop}" if hadoop else ""
    return f"Spark {version}{built_from}{built_for}\n"


def _version_properties(jar: Path) -> dict[str, str]:
    """What stands in Spark's own version file; nothing if it is not in this jar."""
    try:
        with zipfile.ZipFile(jar) as archive, archive.open(_VERSION_FILE) as file:
            text = file.read(_LARGEST_VERSION_FILE).decode("latin-1")
    except KeyError:
        return {}
    except OSError as error:
        raise unreadable(jar, error) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        # RuntimeError: encrypted, or compressed in a way that this Python does not know
        raise ArchiveError(
            f"{printable(str(jar))} is not a JAR that can be read: {error}",
            hint="The installation is damaged: install it again.",
        ) from error
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


@dataclass
class _Link:
    name: str
    path: Path
    above: tuple[str, ...]


@dataclass
class _Walk:
    """All of a folder, each thing under its name in the archive."""

    home: Path
    excludes: Excludes
    pip_installed: bool
    found: dict[str, Entry] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    _links: list[_Link] = field(default_factory=list)

    def folder(self, path: Path, name: str, above: tuple[str, ...]) -> None:
        """Takes in what is in a folder; `above` are the real paths of those it is in, to find circles."""
        excluded = bool(name) and self.excludes.leaves_out(name, folder=True)
        if excluded:
            self.left_out.append(name + "/")
        elif name:
            self._take(Entry(name, EntryKind.FOLDER, _FOLDER_MODE))
        try:
            with os.scandir(path) as scan:
                children = sorted(scan, key=lambda child: child.name)
        except OSError as error:
            if excluded:
                return
            raise unreadable(path, error) from error
        for child in children:
            inside = f"{name}/{child.name}" if name else self._renamed(child)
            self._child(Path(child.path), inside, (*above, str(path)))

    def links(self) -> None:
        """Decides of every link, once it is known what else is packed."""
        while self._links:
            # Following one may find others.
            waiting, self._links = self._links, []
            for link in waiting:
                self._link(link)

    def _child(self, path: Path, name: str, above: tuple[str, ...]) -> None:
        try:
            status = path.lstat()
        except OSError as error:
            raise unreadable(path, error) from error
        if stat.S_ISDIR(status.st_mode):
            self.folder(path, name, above)
        elif self.excludes.leaves_out(name):
            self.left_out.append(name)
        elif stat.S_ISLNK(status.st_mode):
            self._links.append(_Link(name, path, above))
        else:
            self._file(path, name, status)

    def _file(self, path: Path, name: str, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise ArchiveError(
                f"{printable(str(path))} is {_kind(status.st_mode)}, which no archive can hold",
                hint="Remove it, or leave it out with --exclude.",
            )
        try:
            # Better to know now than when half of it is packed.
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            raise unreadable(path, error) from error
        mode = _PROGRAM_MODE if status.st_mode & 0o111 or _is_script(name) else _FILE_MODE
        self._take(Entry(name, EntryKind.FILE, mode, status.st_size, source=path))

    def _take(self, entry: Entry) -> None:
        # pip has python/pyspark/shell.py twice: one is as good as the other.
        self.found.setdefault(entry.name, entry)

    def _link(self, link: _Link) -> None:
        try:
            real = Path(os.path.realpath(link.path, strict=True))
            status = real.stat()
        except OSError as error:
            raise ArchiveError(
                f"{printable(str(link.path))} is a link that leads nowhere: {error.strerror or error}",
                hint="Mend or remove it, or leave it out with --exclude.",
            ) from error
        inside = self._name_of(real)
        if inside is not None and (inside == "" or inside in self.found):
            target = os.path.relpath(f"/{inside}", Path(f"/{link.name}").parent)
            self._take(Entry(link.name, EntryKind.LINK, _LINK_MODE, target=target))
        elif not stat.S_ISDIR(status.st_mode):
            self._file(real, link.name, status)
        elif str(real) in link.above or self.home.is_relative_to(real):
            raise ArchiveError(
                f"{printable(str(link.path))} is a link to {printable(str(real))}, which it is itself in",
                hint="Remove it, or leave it out with --exclude.",
            )
        else:
            self.folder(real, link.name, link.above)

    def _name_of(self, real: Path) -> str | None:
        """The name in the archive of what is at a real path; None if that is not in the SPARK_HOME."""
        if not real.is_relative_to(self.home):
            return None
        name = real.relative_to(self.home).as_posix()
        if name == ".":
            return ""
        first, separator, rest = name.partition("/")
        return self._moved(first, self.home / first) + separator + rest

    def _renamed(self, child: os.DirEntry[str]) -> str:
        return self._moved(child.name, Path(child.path))

    def _moved(self, name: str, path: Path) -> str:
        """Where something at the top belongs: Python's sources into python/pyspark."""
        if not self.pip_installed or name in _NOT_PYTHON:
            return name
        is_python = name.endswith((".py", ".pyi", ".typed")) or (path / "__init__.py").is_file()
        return f"python/pyspark/{name}" if is_python else name


def _is_script(name: str) -> bool:
    """Whether it is one of Spark's programs for Unix, which pip or an odd file system may have made plain."""
    folder, _, file = name.rpartition("/")
    return folder in ("bin", "sbin") and not file.endswith(".cmd")


_KINDS = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "no file")


def _with_folders(found: dict[str, Entry]) -> list[Entry]:
    """All entries and the folders that they are in, sorted."""
    for name in list(found):
        parent = name.rpartition("/")[0]
        while parent and (parent not in found or found[parent].kind is not EntryKind.FOLDER):
            found[parent] = Entry(parent, EntryKind.FOLDER, _FOLDER_MODE)
            parent = parent.rpartition("/")[0]
    return [found[name] for name in sorted(found, key=lambda name: name.split("/"))]
