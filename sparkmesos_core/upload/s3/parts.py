"""Which parts a multipart upload has, and over how many connections they go."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

MAX_PARTS = 10_000
"""S3 takes no more: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html."""
MAX_CONNECTIONS = 10
"""How many parts are ever sent at once."""
FIRST_CONNECTIONS = 2
"""How many are sent at first: while one waits for its answer, the other goes on."""
_ENOUGH = 120e6
"""Bytes per second, a gigabit: connections that reach this together leave little to win."""
_PART_BYTES = 8 << 20


@dataclass(frozen=True)
class Part:
    """A piece of the file."""

    number: int
    """From 1 on."""
    offset: int
    size: int


def part_bytes(size: int) -> int:
    """How large the parts of a file of `size` bytes are, but for the last one. The same for each run."""
    needed = -(-size // MAX_PARTS)
    return max(_PART_BYTES, -(-needed // (1 << 20)) * (1 << 20))


def parts_of(size: int, each: int) -> list[Part]:
    """The parts of a file of `size` bytes, `each` bytes large but for the last one."""
    return [
        Part(number, offset, min(each, size - offset))
        for number, offset in enumerate(range(0, size, each), start=1)
    ]


def wanted_connections(bytes_per_second: float) -> int:
    """How many connections should send, if one of them has sent a part that fast.

    Far away each connection is slow for itself, and many are faster. Near by, a few reach what the server can
    do; more would only make all parts arrive late, and servers that write them in their order wait.
    """
    if bytes_per_second * MAX_CONNECTIONS <= _ENOUGH:
        return MAX_CONNECTIONS
    return math.ceil(_ENOUGH / bytes_per_second)


def etag_of_parts(digests: list[str]) -> str:
    """The ETag that S3 itself gives an object of parts with these MD5s: the MD5 of them all, and how many."""
    whole = hashlib.md5(b"".join(bytes.fromhex(d) for d in digests), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(digests)}"


def is_md5(etag: str) -> bool:
    """Whether an ETag can be an MD5."""
    bare = etag.strip('"')
    return len(bare) == 32 and all(c in "0123456789abcdef" for c in bare)
