from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import tarfile
from collections.abc import Callable, Iterator

import pytest

from sparkmesos_core.preflight.archive_entries import MOST_BYTES
from sparkmesos_core.preflight.archive_layout import Beginning, Layout, look_at
from tests.unit.preflight.archives import RELEASE, tar

NAME = "spark-3.5.9-bin-hadoop3.tgz"
MEGABYTE = 1_000_000


def beginning(content: bytes, name: str = NAME, *, cached: bool = False) -> Beginning:
    pieces = (content[at : at + 1000] for at in range(0, len(content), 1000))
    return look_at(pieces, name, cached=cached)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_release(mode: str) -> None:
    found = beginning(tar(*RELEASE, mode=mode))
    assert found == Beginning(Layout.FINE, "spark-3.5.9-bin-hadoop3")


def test_no_more_is_read_than_is_needed() -> None:
    taken = []

    def pieces() -> Iterator[bytes]:
        names = [f"spark-3.5.9-bin-hadoop3/{name}" for name in ("", "bin/", "RELEASE", "jars/a.jar")]
        content = tar(*names, mode="w", size=MEGABYTE)
        for at in range(0, len(content), 10_000):
            taken.append(at)
            yield content[at : at + 10_000]

    assert look_at(pieces(), NAME, cached=False).layout is Layout.FINE
    assert taken[-1] <= 20_000


def test_all_in_the_current_folder() -> None:
    # As `tar -C dist -czf … .` makes it.
    names = ("./", *(f"./{name}" for name in RELEASE))
    assert beginning(tar(*names)).layout is Layout.FINE


def test_long_names() -> None:
    # In headers of their own.
    long = "spark-3.5.9-bin-hadoop3/jars/" + "x" * 300
    assert beginning(tar(long)).layout is Layout.FINE


@pytest.mark.parametrize(
    "inside", ["RELEASE", "jars/", "jars/a.jar", "bin/spark-class", "python/lib/pyspark.zip", "R/lib/"]
)
def test_spark_in_another_folder(inside: str) -> None:
    names = ["other/", "other/LICENSE", f"other/{inside}"]
    assert beginning(tar(*names)) == Beginning(Layout.OTHER_FOLDER, "other")
    assert beginning(tar(*names), cached=True) == Beginning(Layout.OTHER_FOLDER, "other")


def test_a_folder_that_is_called_as_releases_are() -> None:
    content = tar("spark-3.5.9-bin-hadoop3/", "spark-3.5.9-bin-hadoop3/LICENSE", size=2 * MEGABYTE)
    assert beginning(content, "other.tgz") == Beginning(Layout.OTHER_FOLDER, "spark-3.5.9-bin-hadoop3")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_in_parts(compress: Callable[[bytes], bytes]) -> None:
    # As bgzip, pbzip2 and pixz do; to tar they are one file.
    content = tar("LICENSES/a", "LICENSES/b", *RELEASE, mode="w")
    parts = b"".join(compress(content[at : at + 1000]) for at in range(0, len(content), 1000))
    assert beginning(parts) == Beginning(Layout.FINE, "spark-3.5.9-bin-hadoop3")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_damaged_in_its_compressed_form(mode: str) -> None:
    content = tar("data/a", mode=mode, size=100_000)
    damaged = content[:50_000] + bytes(1000) + content[51_000:]
    assert beginning(damaged).layout in (Layout.NO_FOLDER, Layout.NO_ARCHIVE)


def test_other_things_come_before_spark() -> None:
    names = ["jdk-17/", "jdk-17/bin/", "jdk-17/bin/java", "jdk-17/conf/", *RELEASE]
    assert beginning(tar(*names)).layout is Layout.FINE


def test_spark_without_a_folder_works() -> None:
    # `cd BASE*; ./bin/spark-class` stays in the sandbox, which Spark was unpacked into.
    names = [name.partition("/")[2] for name in RELEASE if not name.endswith("hadoop3/")]
    assert beginning(tar(*names)).layout is Layout.FINE


def test_a_folder_that_the_archive_itself_is_found_before() -> None:
    # `cd spark-3*`: spark-3.5.9-bin-hadoop3.tgz sorts before spark-3.5.9-custom.
    content = tar("spark-3.5.9-custom/", "spark-3.5.9-custom/RELEASE")
    assert beginning(content) == Beginning(Layout.BEHIND_ARCHIVE, "spark-3.5.9-custom")
    assert beginning(content, cached=True) == Beginning(Layout.FINE, "spark-3.5.9-custom")


def test_nothing_of_spark_in_all_of_the_archive() -> None:
    names = ["spark-3.5.9-bin-hadoop3/", "spark-3.5.9-bin-hadoop3/sbin/", "docs/a"]
    assert beginning(tar(*names)) == Beginning(Layout.NO_SPARK, "spark-3.5.9-bin-hadoop3")
    assert beginning(tar(*names, "other/RELEASE")) == Beginning(Layout.OTHER_FOLDER, "other")
    # Whether executors enter the folder then depends on their shell.
    assert beginning(tar(*names, "RELEASE")).layout is Layout.UNKNOWN
    # Not all of it was seen.
    content = tar(*names, "spark-3.5.9-bin-hadoop3/LICENSE", size=2 * MEGABYTE)
    assert beginning(content).layout is Layout.FINE
    cut = tar(*names, "spark-3.5.9-bin-hadoop3/LICENSE", size=100_000)[:50_000]
    assert beginning(cut).layout is Layout.FINE


@pytest.mark.parametrize("link", ["spark-3", "spark-3/bin"])
def test_a_link_to_where_spark_is(link: str) -> None:
    file = io.BytesIO(tar("opt/a", mode="w"))
    with tarfile.open(fileobj=file, mode="a") as archive:
        info = tarfile.TarInfo(link)
        info.type, info.linkname = tarfile.SYMTYPE, "/opt/spark"
        archive.addfile(info)
    assert beginning(file.getvalue()).layout is Layout.FINE


def test_a_file_is_no_folder() -> None:
    assert beginning(tar("spark-3.txt", "other/RELEASE")) == Beginning(Layout.OTHER_FOLDER, "other")


def test_no_folder_at_all() -> None:
    assert beginning(tar("data/", "data/a")) == Beginning(Layout.NO_FOLDER, "data", whole=True)
    # Too large to be seen in whole.
    content = tar("data/a", "data/b", size=2 * MEGABYTE)
    assert beginning(content) == Beginning(Layout.NO_FOLDER, "data")


def test_an_archive_that_goes_on_for_ever() -> None:
    header = tar("data/a", mode="w", size=1000)[:1536]
    found = look_at(itertools.repeat(header), NAME, cached=False)
    assert found == Beginning(Layout.NO_FOLDER, "data")


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", b"PK\x03\x04" + bytes(1000), tar(*RELEASE)[:20], b"x" * MOST_BYTES],
    ids=["empty", "text", "zip", "cut", "long"],
)
def test_no_archive(content: bytes) -> None:
    assert beginning(content) == Beginning(Layout.NO_ARCHIVE)


def test_a_web_page() -> None:
    content = b"\n<!DOCTYPE html><html>Please log in</html>" * 40
    found = beginning(content)
    assert found.layout is Layout.NO_ARCHIVE
    assert found.start.startswith(b"\n<!DOCTYPE")


def test_an_archive_of_nothing() -> None:
    assert beginning(tar()).layout is Layout.NO_ARCHIVE


def test_an_archive_that_is_damaged_later() -> None:
    # What was seen before counts.
    content = tar("other/", "other/RELEASE", mode="w")[:1536] + b"x" * 5000
    assert beginning(content) == Beginning(Layout.OTHER_FOLDER, "other")


def test_what_pieces_raise_is_raised() -> None:
    def pieces() -> Iterator[bytes]:
        yield tar(*RELEASE)[:10]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        look_at(pieces(), NAME, cached=False)
