"""What names of archives mean to Spark and to the fetcher of Mesos."""

from __future__ import annotations

import re

from sparkmesos_core.quoting import quoted

_COMPRESSIONS = {
    ".tar.gz": "gzip",
    ".tgz": "gzip",
    ".tar.bz2": "bzip2",
    ".tbz2": "bzip2",
    ".tar.xz": "xz",
    ".txz": "xz",
    ".tar": "none",
}
TAR_SUFFIXES = tuple(_COMPRESSIONS)
"""What the Mesos fetcher hands to tar (`src/launcher/fetcher.cpp`); .zip and .gz go to other programs."""

# What every sandbox holds before the archive is unpacked.
_IN_SANDBOX = ("stdout", "stderr")
# Spark writes it into a shell's command line without quotes.
_UNSAFE = re.compile(r"[^A-Za-z0-9._+@%=,:-]")


def executor_prefix(uri: str) -> str:
    """BASE of the command `cd BASE*; ./bin/spark-class …` that executors and drivers are started by.

    The last segment of the URI up to its first dot: as Spark's MesosCoarseGrainedSchedulerBackend and
    MesosClusterScheduler have it.
    """
    return uri.rpartition("/")[2].partition(".")[0]


def is_extracted(name: str) -> bool:
    """Whether the Mesos fetcher unpacks a file of this name with tar."""
    return name.endswith(TAR_SUFFIXES) and stem(name) != ""


def compression_of(name: str) -> str | None:
    """How a tar of this name is compressed: `gzip`, `bzip2`, `xz` or `none`; None if it is no tar's."""
    return next((_COMPRESSIONS[suffix] for suffix in TAR_SUFFIXES if name.endswith(suffix)), None)


def stem(name: str) -> str:
    """The name without what says that it is an archive: `spark-3.5.9-bin-hadoop3`."""
    for suffix in TAR_SUFFIXES:
        if name.endswith(suffix):
            return name[: -len(suffix)]
    return name


def release_name(spark_version: str, hadoop_version: str | None) -> str:
    """The name that the Spark project gives its releases: `spark-3.5.9-bin-hadoop3`.

    Since 3.3 they name Hadoop's first number, before its first two; `without-hadoop` if there is none inside.
    """
    if hadoop_version is None:
        return f"spark-{spark_version}-bin-without-hadoop"
    numbers = [int(number) for number in re.findall(r"\d+", spark_version)[:2]]
    hadoop = hadoop_version.split(".")
    return f"spark-{spark_version}-bin-hadoop{'.'.join(hadoop[: 1 if numbers >= [3, 3] else 2])}"


def problem_of(name: str) -> str | None:
    """Why executors could not `cd` into what an archive of this name unpacks to; None if they can.

    Only of the name itself, whatever is in the archive.
    """
    prefix = executor_prefix(name)
    if not stem(name):
        return f"{quoted(name)} is an ending without a name"
    if not is_extracted(name):
        return f"the Mesos fetcher does not unpack {quoted(name)}: it goes by the end of the name"
    if not prefix:
        return f"executors run `cd BASE*`, BASE being what is before the first dot of {quoted(name)}: nothing"
    if odd := _UNSAFE.search(name):
        return f"executors run `cd BASE*` unquoted in a shell, and {quoted(name)} holds {quoted(odd[0])}"
    if prefix[0] == "-":
        return f"executors run `cd {prefix}*`, which takes it for an option"
    for other in _IN_SANDBOX:
        if other.startswith(prefix):
            return f"executors run `cd {prefix}*`, which matches the file {other} of every sandbox, too"
    return None


def leads_there(name: str, folder: str) -> bool:
    """Whether `cd BASE*` goes into this top folder, beside an archive of this name in the same sandbox.

    If both match, dash goes to the one that sorts first, and must find the folder there. (bash goes to
    neither; only Mesos' fetcher cache, which keeps the archive out of the sandbox, helps there.)
    """
    return folder.startswith(executor_prefix(name)) and folder < name
