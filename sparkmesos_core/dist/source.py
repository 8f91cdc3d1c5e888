"""What a user may point to when a Spark is to be uploaded."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sparkmesos_core.dist.checkout import is_checkout
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.facts import facts_of
from sparkmesos_core.dist.names import compression_of, is_extracted, problem_of, release_name, stem
from sparkmesos_core.errors import UsageError
from sparkmesos_core.quoting import printable

_WANTED = (
    "Name a released spark-*.tgz, the top folder of an unpacked release, the folder of an installed pyspark "
    "(…/site-packages/pyspark), or a checkout of Spark's source."
)
# Of two slashes in a row, paths keep one.
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/+(?P<rest>.*)", re.DOTALL)
_RELEASE_FOLDER = re.compile(r"spark-\d[\w.+-]*")


class SourceKind(Enum):
    """What the user points to."""

    ARCHIVE = "archive"
    HOME = "home"
    """An unpacked release, or a pip-installed pyspark."""
    CHECKOUT = "checkout"
    """Spark's own source code."""


@dataclass(frozen=True)
class Source:
    """A place that holds a Spark."""

    path: Path
    kind: SourceKind
    name: str | None
    """The name that its archive gets if the destination gives it none; None if it is known only later."""


def classify(path: Path) -> Source:
    """What `path` is. Raises UsageError, which says what is wanted, if it is nothing that holds a Spark.

    The `site-packages` that pyspark is installed in stands for it. Of an archive only the name is looked at.
    """
    _refuse_url(path)
    path = path.expanduser().absolute()
    shown = printable(str(path))
    try:
        status = path.stat()
        if not stat.S_ISDIR(status.st_mode):
            return Source(path, SourceKind.ARCHIVE, _name_of_archive(path))
        if is_checkout(path):
            return Source(path, SourceKind.CHECKOUT, None)
        for home in (path, path / "pyspark"):
            if any(home.glob("jars/spark-core_*.jar")):
                return Source(home, SourceKind.HOME, _name_of_home(home))
        children = {child.name for child in path.iterdir()}
    except FileNotFoundError as error:
        raise UsageError(f"{shown} does not exist", hint=_WANTED) from error
    except OSError as error:
        raise UsageError(
            f"{shown} cannot be read: {error.strerror or error}", hint="Check its path and permissions."
        ) from error
    raise UsageError(f"{shown} is not a Spark: {_why_not(children)}", hint=_WANTED)


def _refuse_url(path: Path) -> None:
    match = _URL.fullmatch(str(path))
    if match is None or path.exists():
        return
    if match["scheme"].lower() == "file":
        raise UsageError("SOURCE is a file:// URL", hint="Write its path alone.")
    # Neither a password in front of the host nor a signature behind the path is for others to see.
    shown = printable(f"{match['scheme']}://{re.split('[?#]', match['rest'].rpartition('@')[2])[0]}")
    raise UsageError(
        f"SOURCE is a URL, {shown}: download it first",
        hint="Name what was downloaded. What is uploaded stands first, where it goes to second.",
    )


def _why_not(children: set[str]) -> str:
    if "jars" in children:
        return "its jars/ has no spark-core_*.jar"
    if "pom.xml" in children:
        return "it has a pom.xml, but no dev/make-distribution.sh, as a checkout of Spark's source has"
    if archives := sorted(name for name in children if name.startswith("spark-") and is_extracted(name)):
        return f"it is a folder with {printable(archives[0])} in it, which you may mean"
    return "the folder has no jars/spark-core_*.jar"


def _name_of_archive(path: Path) -> str | None:
    """Its own name, with the ending of a compressed one, since that is what is written if it is changed."""
    if not is_extracted(path.name):
        return None
    name = path.name if compression_of(path.name) == "gzip" else f"{stem(path.name)}.tgz"
    return name if problem_of(name) is None else None


def _name_of_home(home: Path) -> str:
    for folder in (home.name, home.resolve().name):
        if _RELEASE_FOLDER.fullmatch(folder) and problem_of(f"{folder}.tgz") is None:
            return f"{folder}.tgz"
    jars = [Entry(f"{home.name}/jars/{jar.name}", EntryKind.FILE, 0o644) for jar in (home / "jars").iterdir()]
    facts = facts_of(jars)
    return f"{release_name(facts.spark_version or 'unknown', facts.hadoop_version)}.tgz"
