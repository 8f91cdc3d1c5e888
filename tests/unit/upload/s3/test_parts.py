"""Which parts an upload has."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.upload.s3.parts import (
    MAX_CONNECTIONS,
    MAX_PARTS,
    etag_of_parts,
    is_md5,
    part_bytes,
    parts_of,
    wanted_connections,
)


@given(st.integers(1, 5 << 40))
def test_s3_takes_as_many_parts_of_that_size(size: int) -> None:
    each = part_bytes(size)
    assert -(-size // each) <= MAX_PARTS
    assert 5 << 20 <= each <= 5 << 30
    assert each % (1 << 20) == 0


@given(st.integers(0, 10**6), st.integers(1000, 10**5))
def test_parts_are_all_of_the_file(size: int, each: int) -> None:
    parts = parts_of(size, each)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert [part.offset for part in parts] == list(range(0, size, each))
    assert sum(part.size for part in parts) == size
    assert all(part.size == each for part in parts[:-1])


@pytest.mark.parametrize(
    ("rate", "connections"),
    [
        (1e9, 1),
        (60e6, 2),
        (45e6, 3),
        (20e6, 6),
        (12e6, 10),
        (1, MAX_CONNECTIONS),
        (0, MAX_CONNECTIONS),
    ],
)
def test_slow_connections_get_company(rate: float, connections: int) -> None:
    assert wanted_connections(rate) == connections


def test_etag_of_parts() -> None:
    """As Amazon computes it; compared with moto's in tests/integration/test_upload_s3.py."""
    digests = [hashlib.md5(piece).hexdigest() for piece in (b"a", b"b")]
    whole = hashlib.md5(b"".join(bytes.fromhex(digest) for digest in digests)).hexdigest()
    assert etag_of_parts(digests) == f"{whole}-2"


def test_what_can_be_an_md5() -> None:
    assert is_md5(f'"{"0a" * 16}"')
    assert not is_md5(f'"{"0a" * 16}-2"')
    assert not is_md5(f'"{"0g" * 16}"')
    assert not is_md5("")
