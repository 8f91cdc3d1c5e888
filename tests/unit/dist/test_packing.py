from __future__ import annotations

import _thread
import gzip
import os
import resource
import signal
import struct
import subprocess
import tarfile
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparkmesos_core.dist.entry import Entry, EntryKind
from sparkmesos_core.dist.excludes import Excludes
from sparkmesos_core.dist.layout import folder_entries
from sparkmesos_core.dist.packing import TIME, new_archive, pack, time_of_entries
from sparkmesos_core.errors import ArchiveError, UsageError

MEGABYTE = 1 << 20
FOLDER = Entry("bin", EntryKind.FOLDER, 0o755)
PROGRAM = Entry("bin/spark-class", EntryKind.FILE, 0o755, 9, source=b"#!/bin/sh")
TEXT = Entry("RELEASE", EntryKind.FILE, 0o600, 5, source=b"Spark")
LINK = Entry("bin/up", EntryKind.LINK, 0o777, target="../RELEASE")
ENTRIES = [FOLDER, PROGRAM, LINK, TEXT]


class Told:
    """A Progress that remembers, and may do something at a time of its choice."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.steps: list[tuple[str, int | None]] = []
        self.count = 0
        self.ended = 0
        self._meanwhile = meanwhile

    def begin(self, step: str, total: int | None) -> None:
        self.steps.append((step, total))

    def already(self, count: int) -> None:
        pass

    def advance(self, count: int) -> None:
        self.count += count
        self._meanwhile()

    def end(self) -> None:
        self.ended += 1


class _Broken:
    def read(self, count: int, /) -> bytes:
        raise LookupError


def of_file(path: Path, name: str = "file") -> Entry:
    return Entry(name, EntryKind.FILE, 0o644, path.stat().st_size, source=path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the archive goes, and nothing else."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that no compressor makes smaller, in several of its blocks."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(5 * MEGABYTE + 17))
    return path


class TestWhatIsWritten:
    def test_all_is_below_the_top_folder_with_normal_metadata(self, folder: Path) -> None:
        pack(ENTRIES, "spark-3", folder / "a.tgz")
        with tarfile.open(folder / "a.tgz") as tar:
            members = tar.getmembers()
            assert [(member.name, member.type, member.mode, member.size) for member in members] == [
                ("spark-3", tarfile.DIRTYPE, 0o755, 0),
                ("spark-3/bin", tarfile.DIRTYPE, 0o755, 0),
                ("spark-3/bin/spark-class", tarfile.REGTYPE, 0o755, 9),
                ("spark-3/bin/up", tarfile.SYMTYPE, 0o777, 0),
                ("spark-3/RELEASE", tarfile.REGTYPE, 0o644, 5),
            ]
            assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", TIME)}
            assert members[3].linkname == "../RELEASE"

    def test_the_gzip_header_tells_neither_name_nor_time(self, folder: Path) -> None:
        pack(ENTRIES, "spark-3", folder / "a.tgz")
        magic, method, flags, time = struct.unpack("<HBBI", (folder / "a.tgz").read_bytes()[:8])
        assert (magic, method, flags, time) == (0x8B1F, 8, 0, 0)

    def test_every_tar_unpacks_it(self, folder: Path, large: Path, tmp_path: Path) -> None:
        long = "/".join(["a-long-name" * 12] * 3)
        odd = os.fsdecode(b"\xff\xfe caf\xc3\xa9 \n")
        entries = [*ENTRIES, of_file(large, long), of_file(large, odd)]
        entries.append(Entry("to-long", EntryKind.LINK, 0o777, target=long))
        pack(entries, "spark-3", folder / "a.tgz")

        # Warnings, such as of implausible times, go to stderr.
        done = subprocess.run(["tar", "xzf", folder / "a.tgz"], cwd=tmp_path, capture_output=True, check=True)
        assert done.stderr == b""
        top = tmp_path / "spark-3"
        assert (top / long).read_bytes() == (top / odd).read_bytes() == large.read_bytes()
        assert (top / "to-long").resolve() == top / long
        assert (top / "bin" / "up").read_text() == "Spark"
        assert os.access(top / "bin" / "spark-class", os.X_OK)

    def test_the_end_of_gzip_is_right(self, folder: Path, large: Path) -> None:
        pack([of_file(large)], "spark-3", folder / "a.tgz")
        # Python's own gzip compares checksum and length.
        assert len(gzip.decompress((folder / "a.tgz").read_bytes())) % 10240 == 0

    def test_nothing_at_all(self, folder: Path) -> None:
        pack([], "spark-3", folder / "a.tgz")
        with tarfile.open(folder / "a.tgz") as tar:
            assert tar.getnames() == ["spark-3"]

    def test_progress_is_told_of_every_byte(self, folder: Path, large: Path) -> None:
        told = Told()
        pack([*ENTRIES, of_file(large)], "spark-3", folder / "a.tgz", progress=told)
        total = 9 + 5 + large.stat().st_size
        assert (told.steps, told.count, told.ended) == ([("Packing", total)], total, 1)


class TestReproducibility:
    @pytest.mark.parametrize("threads", [1, 2, 3, 7])
    def test_any_number_of_threads(self, folder: Path, large: Path, threads: int) -> None:
        text = large.with_name("text")
        text.write_text("".join(f"{number} bottles\n" for number in range(200_000)))
        entries = [*ENTRIES, of_file(large), of_file(text, "text")]
        pack(entries, "spark-3", folder / "a.tgz")
        pack(entries, "spark-3", folder / "b.tgz", threads=threads)
        assert (folder / "a.tgz").read_bytes() == (folder / "b.tgz").read_bytes()

    def test_the_time_can_be_chosen(self, folder: Path) -> None:
        pack(ENTRIES, "spark-3", folder / "a.tgz", time=1_700_000_000)
        with tarfile.open(folder / "a.tgz") as tar:
            assert {member.mtime for member in tar} == {1_700_000_000}

    def test_from_the_environment(self) -> None:
        assert time_of_entries({}) == time_of_entries({"SOURCE_DATE_EPOCH": ""}) == TIME
        assert time_of_entries({"SOURCE_DATE_EPOCH": "0"}) == 0
        assert time_of_entries({"SOURCE_DATE_EPOCH": "1700000000"}) == 1_700_000_000

    @pytest.mark.parametrize("value", ["yesterday", "-1", "1.5", "٣", " 1", str(8**11), "9" * 5000])
    def test_what_is_no_time(self, value: str) -> None:
        with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH is not a number of seconds"):
            time_of_entries({"SOURCE_DATE_EPOCH": value})

    names = st.text("ab.é-", min_size=1, max_size=3).filter(lambda name: name not in (".", ".."))
    trees = st.dictionaries(
        st.lists(names, min_size=1, max_size=3).map(tuple),
        st.tuples(st.binary(max_size=2000), st.sampled_from([0o600, 0o644, 0o700, 0o755])),
        max_size=8,
    )

    @settings(max_examples=50)
    @given(trees, st.randoms(), st.integers(0, 2**31), st.integers(1, 3))
    @example({("b",): (b"1", 0o644), ("a", "b"): (b"2", 0o755)}, None, 0, 2)
    def test_the_same_files_give_the_same_bytes(
        self,
        tree: Mapping[tuple[str, ...], tuple[bytes, int]],
        random: object,
        time: int,
        threads: int,
    ) -> None:
        files = {path: file for path, file in tree.items() if not _is_folder_of(path, tree)}
        files["RELEASE",] = (b"Spark", 0o644)
        orders = [list(files), list(files)]
        if random is not None:
            random.shuffle(orders[1])  # type: ignore[attr-defined]
        with tempfile.TemporaryDirectory() as work:
            archives = []
            for number, order in enumerate(orders):
                home = Path(work, f"home-{number}")
                for path in order:
                    _make(home.joinpath(*path), *files[path], time=number * time)
                entries = folder_entries(home, Excludes(defaults=False)).entries
                archive = Path(work, f"{number}.tgz")
                pack(entries, "top", archive, threads=1 if number == 0 else threads)
                archives.append(archive.read_bytes())
            assert archives[0] == archives[1]
            with tarfile.open(Path(work, "0.tgz")) as tar:
                found = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
        assert found == {"/".join(("top", *path)): content for path, (content, _) in files.items()}


def _is_folder_of(path: Sequence[str], tree: Mapping[tuple[str, ...], object]) -> bool:
    return any(len(other) > len(path) and other[: len(path)] == path for other in tree)


def _make(path: Path, content: bytes, mode: int, time: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, (time, time))


class TestFaults:
    """After all of them nothing is left, and what was there before still is."""

    @pytest.fixture(autouse=True)
    def nothing_is_left(self, folder: Path):
        (folder / "a.tgz").write_bytes(b"before")
        threads = _thread._count()
        yield
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.tgz": b"before"}
        # A thread that has told of its end, or that an interrupt has kept from being counted, ends soon.
        deadline = time.monotonic() + 30
        while _thread._count() > threads:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def test_a_file_is_gone(self, folder: Path, tmp_path: Path) -> None:
        entry = Entry("file", EntryKind.FILE, 0o644, 1, source=tmp_path / "gone")
        with pytest.raises(ArchiveError, match="/gone cannot be read: No such file or directory"):
            pack([entry], "spark-3", folder / "a.tgz")

    @pytest.mark.parametrize("size", [-1, 1])
    def test_a_file_has_another_size_by_now(self, folder: Path, large: Path, size: int) -> None:
        entry = Entry("file", EntryKind.FILE, 0o644, large.stat().st_size + size, source=large)
        with pytest.raises(ArchiveError, match="/large changed while it was packed"):
            pack([entry], "spark-3", folder / "a.tgz")

    def test_a_file_shrinks_while_it_is_read(self, folder: Path, large: Path) -> None:
        told = Told(lambda: os.truncate(large, 2 * MEGABYTE))
        with pytest.raises(ArchiveError, match="/large changed while it was packed"):
            pack([of_file(large)], "spark-3", folder / "a.tgz", progress=told)
        assert told.ended == 1

    def test_a_file_grows_while_it_is_read(self, folder: Path, large: Path) -> None:
        told = Told(lambda: os.truncate(large, 6 * MEGABYTE))
        with pytest.raises(ArchiveError, match="/large changed while it was packed"):
            pack([of_file(large)], "spark-3", folder / "a.tgz", progress=told)

    def test_a_file_is_written_to_while_it_is_read(self, folder: Path, large: Path) -> None:
        def write() -> None:
            with large.open("r+b") as file:
                file.write(b"x")
            os.utime(large, (1, 1))  # whatever the resolution of the clock

        with pytest.raises(ArchiveError, match="/large changed while it was packed") as error:
            pack([of_file(large)], "spark-3", folder / "a.tgz", progress=Told(write))
        assert error.value.hint

    def test_a_pipe_has_taken_its_place(self, folder: Path, large: Path) -> None:
        entry = of_file(large)
        large.unlink()
        os.mkfifo(large)
        with pytest.raises(ArchiveError, match="/large changed while it was packed"):
            pack([entry], "spark-3", folder / "a.tgz")

    @pytest.mark.parametrize("room", [0, 10, MEGABYTE + 1, 5 * MEGABYTE])
    def test_no_room(self, folder: Path, large: Path, room: int) -> None:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        try:
            with pytest.raises(ArchiveError, match=r"No room for a\.tgz in .*/out: File too large") as error:
                pack([of_file(large), of_file(large, "again")], "spark-3", folder / "a.tgz")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "TMPDIR" in error.value.hint

    def test_no_folder(self, folder: Path) -> None:
        with pytest.raises(ArchiveError, match=r"a\.tgz cannot be written in .*/none: No such file") as error:
            pack(ENTRIES, "spark-3", folder / "none" / "a.tgz")
        assert error.value.hint

    @pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
    def test_an_interrupt(self, folder: Path, large: Path, error: type[BaseException]) -> None:
        def interrupt() -> None:
            raise error

        with pytest.raises(error):
            pack([of_file(large)], "spark-3", folder / "a.tgz", progress=Told(interrupt))

    @pytest.mark.parametrize("delay", [0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1])
    def test_an_interrupt_at_any_time(self, folder: Path, large: Path, delay: float) -> None:
        def interrupt(number: int, frame: object) -> None:
            raise KeyboardInterrupt

        def pack_on_and_on() -> None:
            while True:
                pack([of_file(large)] * 20, "spark-3", folder / "b.tgz")
                (folder / "b.tgz").unlink()

        before = signal.signal(signal.SIGALRM, interrupt)
        # Again and again, since Python passes over what is raised while it frees an object.
        signal.setitimer(signal.ITIMER_REAL, delay, 5)
        try:
            with pytest.raises(KeyboardInterrupt):
                pack_on_and_on()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        (folder / "b.tgz").unlink(missing_ok=True)  # if it was complete by then

    def test_an_error_in_the_block_of_a_new_archive(self, folder: Path) -> None:
        with pytest.raises(LookupError), new_archive(folder / "a.tgz") as archive:
            archive.add(PROGRAM, _Broken())


def test_what_is_there_is_replaced_at_the_end_only(folder: Path, large: Path) -> None:
    target = folder / "a.tgz"
    target.write_bytes(b"before")
    seen = set()
    pack([of_file(large)], "x", target, progress=Told(lambda: seen.add(target.read_bytes())))
    assert seen == {b"before"}
    with tarfile.open(target) as tar:
        assert tar.getnames() == ["x", "x/file"]
    assert list(folder.iterdir()) == [target]


def test_the_archive_can_be_read_by_those_who_may_read_new_files(folder: Path) -> None:
    pack(ENTRIES, "x", folder / "a.tgz")
    (folder / "other").touch()
    assert (folder / "a.tgz").stat().st_mode == (folder / "other").stat().st_mode


def test_memory_does_not_grow_with_what_is_packed(folder: Path, tmp_path: Path) -> None:
    sparse = tmp_path / "sparse"
    sparse.touch()
    os.truncate(sparse, 256 * MEGABYTE)
    tracemalloc.start()
    try:
        pack([of_file(sparse)], "x", folder / "a.tgz", threads=2)
        assert tracemalloc.get_traced_memory()[1] < 32 * MEGABYTE
    finally:
        tracemalloc.stop()
