from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest

from sparkmesos_core.dist.entry import EntryKind
from sparkmesos_core.preflight.archive_contents import Contents, contents_of, version_of_name
from sparkmesos_core.preflight.archive_entries import MOST_BYTES

NAME = "spark-3.5.9-bin-hadoop3.tgz"


def packed(*entries: tuple[str, bytes | None, int]) -> bytes:
    """An archive of files, or of links where there is no content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content, mode in entries:
            info = tarfile.TarInfo(name)
            info.mode = mode
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "elsewhere"
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def contents(data: bytes, name: str = NAME) -> Contents:
    return contents_of(iter([data]), name)


def test_a_release() -> None:
    found = contents(
        packed(
            ("s/RELEASE", b"Spark 3.5.9 (git revision 1a2b) built for Hadoop 3.3.4\n", 0o644),
            ("s/bin/spark-class", b"#!", 0o755),
            ("s/bin/find-spark-home", None, 0o777),
            ("s/bin/pyspark", b"#!", 0o755),
            ("s/jars/spark-core_2.13-3.5.9.jar", b"PK", 0o644),
        )
    )
    assert (found.version, found.told_by, found.scala, found.whole) == ("3.5.9", "RELEASE", "2.13", True)
    assert set(found.programs) == {"spark-class", "find-spark-home"}
    assert (found.programs["spark-class"].mode, found.programs["spark-class"].size) == (0o755, 2)
    assert found.programs["find-spark-home"].kind is EntryKind.LINK


@pytest.mark.parametrize(
    ("entry", "name", "version", "told_by", "scala"),
    [
        ("s/jars/spark-sql_2.12-3.4.4.jar", NAME, "3.4.4", "spark-sql_2.12-3.4.4.jar", "2.12"),
        ("spark-3.3.4-bin-hadoop3/a", NAME, "3.3.4", "spark-3.3.4-bin-hadoop3", ""),
        ("s/jars/spark-core_2.12-3.5.0-amzn-0.jar", NAME, "3.5.0-amzn-0", "spark-core_2.12-3.5.0-amzn-0.jar", "2.12"),
        ("s/jars/spark-xml_2.12-0.17.0.jar", NAME, "3.5.9", NAME, ""),
        ("s/a", NAME, "3.5.9", NAME, ""),
        ("s/a", "spark-3.5.0-bin-hadoop3-scala2.13.tgz", "3.5.0", "spark-3.5.0-bin-hadoop3-scala2.13.tgz", "2.13"),
        ("s/a", "ours.tgz", "", "", ""),
        ("s/RELEASE", "ours.tgz", "", "", ""),
        ("s/deep/down/RELEASE", "ours.tgz", "", "", ""),
    ],
)  # fmt: skip
def test_what_tells_the_version(entry: str, name: str, version: str, told_by: str, scala: str) -> None:
    found = contents(packed((entry, b"text", 0o644)), name)
    assert (found.version, found.told_by, found.scala) == (version, told_by, scala)


def test_what_is_no_tar() -> None:
    assert contents(packed(("s/a", b"text", 0o644))).is_tar
    assert not contents(b"PK\x03\x04" + bytes(100)).is_tar


def test_programs_elsewhere_are_others() -> None:
    data = packed(("s/examples/bin/spark-class", b"", 0o644), ("spark-class", b"", 0o644))
    assert contents(data).programs == {}
    assert set(contents(packed(("bin/spark-class", b"", 0o644))).programs) == {"spark-class"}


def test_no_more_than_the_beginning_is_read() -> None:
    taken = 0
    info = tarfile.TarInfo("s/jars/large.jar")
    info.size = 1 << 40
    header = info.tobuf()

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        yield header
        while True:
            taken += 1 << 16
            yield bytes(1 << 16)

    found = contents_of(pieces(), NAME)
    assert (found.whole, found.programs) == (False, {})
    assert taken <= MOST_BYTES


def test_what_is_cut_off_or_no_archive() -> None:
    data = packed(("s/bin/spark-class", b"#!" * 1000, 0o755), ("s/RELEASE", b"Spark 3.4.4 x", 0o644))
    assert contents(data[: len(data) // 2]).whole is False
    assert contents(b"<html>") == Contents({}, "3.5.9", NAME)


def test_what_the_pieces_raise_is_raised() -> None:
    def pieces() -> Iterator[bytes]:
        yield packed(("s/a", b"x" * 5000, 0o644))[:100]
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        contents_of(pieces(), NAME)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("spark-3.5.9-bin-hadoop3.tgz", "3.5.9"),
        ("spark-2.4.8-bin-without-hadoop.tar.gz", "2.4.8"),
        ("spark-3.5.9.tgz", "3.5.9"),
        ("spark-3.5.9", "3.5.9"),
        ("spark-3.5.tgz", ""),
        ("my-spark-3.5.9.tgz", ""),
        ("sparkling-3.5.9.tgz", ""),
        ("", ""),
    ],
)
def test_version_of_name(name: str, version: str) -> None:
    assert version_of_name(name) == version
