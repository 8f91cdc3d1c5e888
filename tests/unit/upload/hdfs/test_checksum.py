"""That HDFS computes the same of real files is in tests/integration/test_upload_hdfs.py."""

from __future__ import annotations

import hashlib

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.upload.hdfs.checksum import HdfsChecksum

# What a NameNode and DataNode of Hadoop 2.7.3 said of a file with "hello" in it.
HELLO = {
    "algorithm": "MD5-of-0MD5-of-512CRC32C",
    "bytes": "0000020000000000000000002ebac5fafc444475c9720587791d741200000000",
    "length": 28,
}


def computed(content: bytes, block: int, pieces: list[int] | None = None) -> HdfsChecksum:
    checksum = HdfsChecksum(block)
    at = 0
    for size in pieces or []:
        checksum.update(content[at : at + size])
        at += size
    checksum.update(content[at:])
    return checksum


def reported(content: bytes, block: int) -> dict[str, object]:
    """By the definition, without looking for speed."""
    digests = b""
    for start in range(0, len(content), block):
        of_block = content[start : start + block]
        chunks = [of_block[at : at + 512] for at in range(0, len(of_block), 512)]
        crcs = b"".join(google_crc32c.value(chunk).to_bytes(4, "big") for chunk in chunks)
        digests += hashlib.md5(crcs).digest()
    capacity = 32
    while capacity < len(digests):
        capacity *= 2
    digest = hashlib.md5(digests + bytes(capacity - len(digests))).hexdigest()
    crcs_per_block = block // 512 if len(content) > block else 0
    return {
        "algorithm": f"MD5-of-{crcs_per_block}MD5-of-512CRC32C",
        "bytes": f"{512:08x}{crcs_per_block:016x}{digest}00000000",
    }


def test_a_recorded_one() -> None:
    assert computed(b"hello", 1 << 27).is_that_of(HELLO)
    assert not computed(b"hellp", 1 << 27).is_that_of(HELLO)


@given(st.integers(1, 9000), st.sampled_from([512, 1024, 2560]), st.lists(st.integers(1, 3000), max_size=6))
def test_any_pieces_and_blocks(size: int, block: int, pieces: list[int]) -> None:
    content = hashlib.shake_128(str(size).encode()).digest(size)
    told = reported(content, block)
    assert computed(content, block, pieces).is_that_of(told)
    changed = bytes([content[0] ^ 1]) + content[1:]
    assert not computed(changed, block, pieces).is_that_of(told)


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        {},
        {**HELLO, "algorithm": "MD5-of-0MD5-of-512CRC32"},
        {**HELLO, "algorithm": "COMPOSITE-CRC32C"},
        {**HELLO, "bytes": "xyz"},
        {**HELLO, "bytes": ""},
    ],
)
def test_what_cannot_be_compared_is_not_the_same(told: object) -> None:
    assert not computed(b"hello", 1 << 27).is_that_of(told)
