from __future__ import annotations

import gzip
import io
import itertools
import os
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sparkmesos_core.dist.compression import GzipWriter, usable_cores

BLOCK = 1 << 20
TEXT = b"".join(b"%d bottles\n" % number for number in range(300_000))


def compressed(*pieces: bytes, threads: int | None = None) -> bytes:
    file = io.BytesIO()
    with GzipWriter(file, threads) as writer:
        for piece in pieces:
            assert writer.write(piece) == len(piece)
        assert writer.tell() == sum(map(len, pieces))
    return file.getvalue()


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 5])
@pytest.mark.parametrize(
    "content", [bytes(4 * BLOCK), TEXT * 2, os.urandom(4 * BLOCK)], ids=["0", "text", "random"]
)
def test_others_read_it(content: bytes, size: int) -> None:
    packed = compressed(content[:size])
    # Python's own compares checksum and length; the other one would not mind what follows.
    assert gzip.decompress(packed) == content[:size]
    reader = zlib.decompressobj(31)
    assert reader.decompress(packed) == content[:size]
    assert reader.eof
    assert reader.unused_data == b""


@given(st.lists(st.integers(0, 2 * BLOCK), max_size=4), st.integers(1, 4))
@example([1, BLOCK, BLOCK - 1], 2)
def test_neither_threads_nor_pieces_matter(cuts: list[int], threads: int) -> None:
    content = TEXT[: 2 * BLOCK + 3]
    bounds = [0, *sorted(cuts), len(content)]
    pieces = [content[start:end] for start, end in itertools.pairwise(bounds)]
    assert compressed(*pieces, threads=threads) == compressed(content, threads=1)


def test_blocks_profit_from_the_ones_before() -> None:
    # One block of noise, whose end comes again and again: only the dictionary makes the others small.
    noise = os.urandom(1 << 14)
    content = noise * (4 * BLOCK // len(noise))
    assert len(compressed(content)) < 1.15 * len(compressed(content[:BLOCK])) + 100_000


def test_it_is_about_as_small_as_gzip() -> None:
    assert len(compressed(TEXT)) < 1.3 * len(gzip.compress(TEXT, 6))


class _FullDisk(io.BytesIO):
    def write(self, content: object, /) -> int:
        if self.tell() > BLOCK:
            raise OSError(28, "No space left on device")
        return super().write(content)  # type: ignore[arg-type]


@pytest.mark.parametrize("blocks", [3, 30])
def test_an_error_of_the_file_reaches_the_caller(blocks: int) -> None:
    with pytest.raises(OSError, match="No space left"), GzipWriter(_FullDisk(), 2) as writer:
        writer.write(os.urandom(blocks * BLOCK))


def test_after_an_error_nothing_more_is_written() -> None:
    file = io.BytesIO()
    with pytest.raises(LookupError), GzipWriter(file, 2) as writer:
        writer.write(_interrupted())
    assert file.getvalue() == compressed()[:10]


def _interrupted() -> bytes:
    raise LookupError


def test_there_is_a_core() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
