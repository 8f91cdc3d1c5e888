"""The checksum that HDFS keeps of a file, computed from what is sent.

Datanodes keep a CRC-32C of every 512 bytes. WebHDFS' GETFILECHECKSUM tells the MD5 of the MD5s of the blocks'
CRCs, which costs HDFS next to nothing, while reading a file back over WebHDFS takes nearly as long as writing
it. See "Get File Checksum" in Hadoop's WebHDFS page, and `dfs.checksum.type` and `dfs.bytes-per-checksum` in
hdfs-default.xml.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from itertools import starmap
from struct import Struct
from typing import Any

import google_crc32c

BYTES_PER_CRC = 512
_ALGORITHM = f"MD5-of-{{}}MD5-of-{BYTES_PER_CRC}CRC32C"
_HEADER_BYTES = 4 + 8  # bytes per CRC and CRCs per block, as Java writes int and long

_CHUNK = Struct(f"{BYTES_PER_CRC}s")
_DIGEST_BYTES = 16
_BUFFER_BYTES = 32  # of Hadoop's DataOutputBuffer, at first


class HdfsChecksum:
    """Of a file that is written in one go, in blocks of `block_bytes`; give it all pieces, then ask it."""

    def __init__(self, block_bytes: int) -> None:
        self._block_bytes = block_bytes
        self._block = hashlib.md5(usedforsecurity=False)
        self._digests = b""
        self._in_block = 0
        self._rest = b""

    def update(self, piece: bytes) -> None:
        """The next bytes of the file. Quickest if their number is a multiple of 512."""
        if self._rest:
            piece = self._rest + piece
        whole = len(piece) - len(piece) % BYTES_PER_CRC
        self._rest = piece[whole:]
        view = memoryview(piece)
        start = 0
        while start < whole:
            end = min(whole, start + self._block_bytes - self._in_block)
            self._add(view[start:end])
            start = end

    def is_that_of(self, reported: Any) -> bool:
        """Whether HDFS has the same, as its answer says; False also if it computes it in another way."""
        if self._rest:
            self._add_crcs(array("I", [google_crc32c.value(self._rest)]), len(self._rest))
            self._rest = b""
        if self._in_block:
            self._end_block()
        # With a single block nobody needs to know how many CRCs a block has.
        crcs = self._block_bytes // BYTES_PER_CRC if len(self._digests) > _DIGEST_BYTES else 0
        # HDFS digests the whole buffer that the digests are in, which doubles when full; the rest is zeros.
        room = _BUFFER_BYTES
        while room < len(self._digests):
            room *= 2
        digest = hashlib.md5(self._digests.ljust(room, b"\0"), usedforsecurity=False).digest()
        try:
            told = bytes.fromhex(reported["bytes"])
            return bool(
                reported["algorithm"] == _ALGORITHM.format(crcs)
                and told[_HEADER_BYTES : _HEADER_BYTES + _DIGEST_BYTES] == digest
            )
        except (KeyError, TypeError, ValueError):
            return False

    def _add(self, chunks: memoryview) -> None:
        # Without a step of Python's for each: there are 2048 of them in a MiB.
        crcs = array("I", starmap(google_crc32c.value, _CHUNK.iter_unpack(chunks)))
        self._add_crcs(crcs, len(chunks))

    def _add_crcs(self, crcs: array[int], count: int) -> None:
        if sys.byteorder == "little":
            crcs.byteswap()
        self._block.update(crcs)
        self._in_block += count
        if self._in_block == self._block_bytes:
            self._end_block()

    def _end_block(self) -> None:
        self._digests += self._block.digest()
        self._block = hashlib.md5(usedforsecurity=False)
        self._in_block = 0
