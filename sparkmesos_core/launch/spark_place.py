"""Where Spark is on an agent, and the lines of a task's shell that find it there."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from sparkmesos_core.errors import UsageError
from sparkmesos_core.launch.fetched_uris import fetched_uri
from sparkmesos_core.quoting import quoted

_SANDBOX = '"$MESOS_SANDBOX"'
_HINT = "No command line can hold it: pass it in a file, or escape it, say as base64."


@dataclass(frozen=True)
class SparkPlace:
    """Where Spark may be, as patterns of the shell, and where the sandbox is once it runs there."""

    folders: tuple[str, ...]
    shown: str
    sandbox: str
    is_entered: bool = False


def spark_place(
    *, has_image: bool, archive: str | None, own_home: str, home: str | None
) -> SparkPlace | None:
    """Where Spark is: in an image, in an archive, or in a folder of every agent, in this order as in Spark.

    In an image it is where its programs start (its WORKDIR); if that holds no Spark, the other places are
    looked at, and the SPARK_HOME of the image. `archive` is a URI (`spark.executor.uri`), `own_home` a folder
    (`spark.mesos.executor.home`) or empty, `home` what counts without it. None if nobody says where it is.
    """
    if has_image:
        folders = [".", *([word(own_home)] if own_home else []), '"${SPARK_HOME:-.}"']
        if archive is not None:
            folders += _unpacked(archive, _SANDBOX)
        return SparkPlace(tuple(folders), "the image", _SANDBOX)
    if archive is not None:
        return SparkPlace(tuple(_unpacked(archive, ".")), "the archive of spark.executor.uri", "..", True)
    found = own_home or home
    return SparkPlace((word(found),), found, ".") if found else None


def finding(place: SparkPlace, program: str) -> list[str]:
    """Lines of the shell after which `$spark` is Spark's folder; it holds `program`: `bin/spark-submit`."""
    problem = f"sparkmesos: there is no {program} in {place.shown}"
    lines = [
        f'for spark in {" ".join(place.folders)}; do [ -f "$spark/{program}" ] && break; spark=; done',
        f'if [ -z "$spark" ]; then echo {word(problem)} >&2; exit 127; fi',
    ]
    if place.is_entered:
        # A SPARK_HOME of the agent would win over the folder that the program is in.
        lines += ['cd "$spark" || exit', "spark=.", 'export SPARK_HOME="$PWD"']
    return lines


def word(text: str) -> str:
    """The text as one word of any POSIX shell. Raises UsageError for what none can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{quoted(text)} is not Unicode", hint=_HINT) from None
    if "\0" in text:
        raise UsageError(f"{quoted(text)} has a NUL in it", hint=_HINT)
    return shlex.quote(text)


def _unpacked(archive: str, folder: str) -> list[str]:
    """Patterns of the folder that an archive is unpacked to, the one that executors go to first.

    Those `cd BASE*`, with the name up to its first dot. A pattern that ends in a slash is for folders alone,
    so that neither the archive beside it nor a jar of a similar name is taken.
    """
    base = fetched_uri(archive).name.partition(".")[0]
    return [f"{folder}/{word(base) if base else ''}*/", f"{folder}/*/"]
