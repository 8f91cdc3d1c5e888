"""Archives as they are read: against Python's own reader, and damaged in every way."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.dist import archive as archive_module
from sparkmesos_core.dist import decompression
from sparkmesos_core.dist.archive import Contents, open_archive, read_archive
from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.errors import ArchiveError

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "none": bytes,
}
BLOCK = 512


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def tar_of(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


SMALL = tar_of(
    member("spark", type=tarfile.DIRTYPE, mode=0o755),
    member("spark/RELEASE", b"Spark 3.5.9\n"),
    member("spark/bin/spark-class", b"#!/bin/sh\n" * 60, mode=0o755),
    member("spark/link", type=tarfile.SYMTYPE, linkname="RELEASE"),
)


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Contents]:
    def read(content: bytes) -> Contents:
        path = tmp_path / "spark.tgz"
        path.write_bytes(content)
        return read_archive(path, wanted=lambda name: True)

    return read


class Told:
    def __init__(self) -> None:
        self.total: int | None = None
        self.count = 0
        self.ended = 0

    def begin(self, step: str, total: int | None) -> None:
        self.total = total

    def already(self, count: int) -> None:
        pass

    def advance(self, count: int) -> None:
        self.count += count

    def end(self) -> None:
        self.ended += 1


@pytest.mark.parametrize("compression", PACKERS)
def test_everything_in_it_is_told(read: Callable[[bytes], Contents], compression: str) -> None:
    content = PACKERS[compression](SMALL)
    contents = read(content)
    assert (contents.compression, contents.size) == (compression, len(content))
    assert contents.entries == (
        Entry("spark", EntryKind.FOLDER, 0o755),
        Entry("spark/RELEASE", EntryKind.FILE, 0o644, 12),
        Entry("spark/bin/spark-class", EntryKind.FILE, 0o755, 600),
        Entry("spark/link", EntryKind.LINK, 0o644, target="RELEASE"),
    )
    assert contents.files == {"spark/RELEASE": b"Spark 3.5.9\n", "spark/bin/spark-class": b"#!/bin/sh\n" * 60}


def test_progress_is_that_of_the_packed_file(tmp_path: Path) -> None:
    path = tmp_path / "spark.tgz"
    path.write_bytes(gzip.compress(SMALL))
    told = Told()
    read_archive(path, told)
    assert (told.total, told.count, told.ended) == (path.stat().st_size, path.stat().st_size, 1)
    path.write_bytes(b"no archive")
    with pytest.raises(ArchiveError):
        read_archive(path, told)
    assert told.ended == 2


NAMES = st.lists(
    st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=70),
    min_size=1,
    max_size=6,
).map("/".join)


@given(
    members=st.lists(st.tuples(NAMES, st.binary(max_size=2000), st.integers(0, 0o777)), max_size=6),
    links=st.lists(st.tuples(NAMES, NAMES, st.booleans()), max_size=3),
    format=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    compression=st.sampled_from(sorted(PACKERS)),
)
def test_it_reads_what_python_reads(
    tmp_path_factory: pytest.TempPathFactory,
    members: list[tuple[str, bytes, int]],
    links: list[tuple[str, str, bool]],
    format: int,
    compression: str,
) -> None:
    content = tar_of(
        *(member(name, data, mode=mode) for name, data, mode in members),
        *(
            member(name, type=tarfile.LNKTYPE if hard else tarfile.SYMTYPE, linkname=target)
            for name, target, hard in links
        ),
        format=format,
    )
    if not members and not links:
        return
    path = tmp_path_factory.mktemp("archive") / "a.tar"
    path.write_bytes(PACKERS[compression](content))
    ours = read_archive(path).entries
    with tarfile.open(path) as tar:
        theirs = tar.getmembers()
    assert [(entry.name, entry.size, entry.mode) for entry in ours] == [
        (info.name, info.size, info.mode) for info in theirs
    ]
    assert [entry.target for entry in ours] == [info.linkname for info in theirs]
    with open_archive(path) as reader:
        read_back = [b"".join(reader.content()) for _ in reader]
    assert read_back[: len(members)] == [data for _, data, _ in members]


def test_global_pax_headers_hold_for_all_that_follows(read: Callable[[bytes], Contents]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "a commit"}
    ) as tar:
        tar.addfile(tarfile.TarInfo("a"))
    assert [entry.name for entry in read(buffer.getvalue()).entries] == ["a"]


def test_content_may_be_taken_in_part(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(tar_of(member("a", b"0123456789" * 200), member("b", b"end")))
    taken = []
    with open_archive(path) as reader:
        for entry in reader:
            taken.append((entry.name, reader.read(4), reader.read(3)))
    assert taken == [("a", b"0123", b"456"), ("b", b"end", b"")]


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz"])
def test_cut_at_every_byte(read: Callable[[bytes], Contents], compression: str) -> None:
    content = PACKERS[compression](SMALL)
    for length in range(len(content)):
        with pytest.raises(ArchiveError, match=r"cut off|empty|not a tar|damaged"):
            read(content[:length])


def test_a_plain_tar_cut_at_every_byte(read: Callable[[bytes], Contents]) -> None:
    whole = read(SMALL).entries
    # A block of zeros is the end; tar wants two but takes one.
    end = len(SMALL.rstrip(b"\0")) // BLOCK * BLOCK + 2 * BLOCK
    for length in (*range(0, end, 7), end - 1):
        # Of what is shorter than a header nobody can tell that it was more.
        said = r"cut off|end mark" if length >= BLOCK else "is not a tar archive" if length else "empty"
        with pytest.raises(ArchiveError, match=said):
            read(SMALL[:length])
    for length in (end, end + 1, len(SMALL)):
        assert read(SMALL[:length]).entries == whole


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz"])
def test_any_flipped_byte_is_noticed(read: Callable[[bytes], Contents], compression: str) -> None:
    content = PACKERS[compression](SMALL)
    whole = read(content)
    unnoticed = []
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        try:
            found = read(bytes(damaged))
        except ArchiveError:
            continue
        assert (found.entries, found.files) == (whole.entries, whole.files)
        unnoticed.append(position)
    # The time, the level and the system in the header of gzip mean nothing.
    assert set(unnoticed) <= ({4, 5, 6, 7, 8, 9} if compression == "gzip" else set())


def test_flipped_bytes_of_a_plain_tar_never_surprise(read: Callable[[bytes], Contents]) -> None:
    for position in range(0, len(SMALL), 11):
        damaged = bytearray(SMALL)
        damaged[position] ^= 0xFF
        with contextlib.suppress(ArchiveError):  # content has no checksum there
            read(bytes(damaged))


@pytest.mark.parametrize("compression", PACKERS)
def test_something_behind_the_end(read: Callable[[bytes], Contents], compression: str) -> None:
    content = PACKERS[compression](SMALL)
    with pytest.raises(ArchiveError, match=r"behind the end of|behind its end mark"):
        read(content + b"and more")
    with pytest.raises(ArchiveError, match=r"behind the end of|behind its end mark"):
        read(content + b"\0" * 600_000 + b"x")


@pytest.mark.parametrize("compression", PACKERS)
def test_zeros_behind_the_end_are_padding(read: Callable[[bytes], Contents], compression: str) -> None:
    whole = read(PACKERS[compression](SMALL)).entries
    for count in (1, 512, 600_000):
        assert read(PACKERS[compression](SMALL) + b"\0" * count).entries == whole


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz"])
def test_several_compressed_streams_are_one(read: Callable[[bytes], Contents], compression: str) -> None:
    pack = PACKERS[compression]
    pieces = [SMALL[start : start + 700] for start in range(0, len(SMALL), 700)]
    assert read(b"".join(map(pack, pieces))).entries == read(pack(SMALL)).entries
    with pytest.raises(ArchiveError, match="behind its end mark"):
        read(pack(SMALL) + pack(SMALL))
    with pytest.raises(ArchiveError, match="cut off"):
        read(pack(SMALL) + pack(bytes(9))[:-3])


def test_what_is_no_archive(read: Callable[[bytes], Contents], tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="is empty"):
        read(b"")
    with pytest.raises(ArchiveError, match="is empty"):
        read(gzip.compress(b""))
    with pytest.raises(ArchiveError, match="is not a tar archive"):
        read(b"<html>404 Not Found</html>" * 100)
    with pytest.raises(ArchiveError, match="is not a tar archive"):
        read(gzip.compress(b"one file of no kind" * 100))
    for short in (b"hello\n", gzip.compress(b"hello\n")):
        with pytest.raises(ArchiveError, match="is not a tar archive: there are 6 bytes in it") as raised:
            read(short)
        assert raised.value.hint == "Name a released spark-*.tgz."
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as file:
        file.writestr("spark/RELEASE", "Spark")
    with pytest.raises(ArchiveError, match="is a zip file"):
        read(zipped.getvalue())
    with pytest.raises(ArchiveError, match="zstd"):
        read(b"\x28\xb5\x2f\xfd" + bytes(100))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="No such file"):
        read_archive(tmp_path / "missing.tgz")
    with pytest.raises(ArchiveError, match="not a file"):
        read_archive(tmp_path)
    with pytest.raises(ArchiveError, match="not a file"):
        read_archive(Path("/dev/zero"))
    pipe = tmp_path / "pipe.tgz"
    os.mkfifo(pipe)
    with pytest.raises(ArchiveError, match="not a file"):
        read_archive(pipe)
    loop = tmp_path / "loop.tgz"
    loop.symlink_to(loop)
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_archive(loop)


def test_a_bomb_is_left_before_it_is_unpacked(
    read: Callable[[bytes], Contents], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decompression, "MAX_UNPACKED_BYTES", 3 << 20)
    with pytest.raises(ArchiveError, match="unpacks to more than"):
        read(gzip.compress(tar_of(member("a", bytes(5 << 20)))))
    with pytest.raises(ArchiveError, match="unpacks to more than"):
        read(gzip.compress(SMALL + bytes(5 << 20)))


def test_too_many_entries(read: Callable[[bytes], Contents], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "MAX_ENTRIES", 3)
    with pytest.raises(ArchiveError, match="more than 3 entries"):
        read(SMALL)


@pytest.mark.parametrize("kind", [b"S", b"D", b"V", b"Z"])
def test_kinds_that_not_every_tar_knows(read: Callable[[bytes], Contents], kind: bytes) -> None:
    with pytest.raises(ArchiveError, match="'odd' as a kind of entry"):
        read(tar_of(member("good"), member("odd", type=kind)))


def test_special_files_are_told_apart_from_hard_links(read: Callable[[bytes], Contents]) -> None:
    entries = read(
        tar_of(
            member("device", type=tarfile.CHRTYPE),
            member("pipe", type=tarfile.FIFOTYPE),
            member("hard", type=tarfile.LNKTYPE, linkname="file"),
        )
    ).entries
    assert [(entry.kind, entry.target) for entry in entries] == [
        (EntryKind.OTHER, ""),
        (EntryKind.OTHER, ""),
        (EntryKind.OTHER, "file"),
    ]


def pax(*records: bytes) -> bytes:
    """An archive with one file, whose pax header has these bytes."""
    content = b"".join(records)
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, len(content)
    padded = content + bytes(-len(content) % BLOCK)
    return header.tobuf(tarfile.USTAR_FORMAT) + padded + tar_of(member("file", b"12345"))


@pytest.mark.parametrize(
    "records",
    [b"nonsense\n", b"12 path=a", b"99 path=a\n", b"0 path=a\n", b"3 a\n", b"10 size=-5\n", b"11 size=1e9\n"],
)
def test_pax_headers_that_are_none(read: Callable[[bytes], Contents], records: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"pax header is wrong|size is no number"):
        read(pax(records))


def test_sparse_files_are_refused(read: Callable[[bytes], Contents]) -> None:
    with pytest.raises(ArchiveError, match="kind of entry"):
        read(pax(b"22 GNU.sparse.major=1\n"))


def test_an_archive_that_ends_within_an_entry(read: Callable[[bytes], Contents]) -> None:
    long = tar_of(member("n" * 300, b"content"))
    with pytest.raises(ArchiveError, match="ends within an entry"):
        read(long[: 2 * BLOCK] + bytes(20 * BLOCK))


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_that_no_file_can_have(read: Callable[[bytes], Contents], format: int) -> None:
    longest = "n" * 4096
    assert read(tar_of(member(longest), format=format)).entries[0].name == longest
    linked = member("link", type=tarfile.SYMTYPE, linkname=longest + "n")
    for one in (member(longest + "n"), linked):
        with pytest.raises(ArchiveError, match="too long for any file"):
            read(tar_of(one, format=format))


def test_memory_is_constant(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "large.tgz"
    path.write_bytes(gzip.compress(tar_of(member("a", bytes(64 << 20))), 1))
    tracemalloc.start()
    try:
        read_archive(path)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
