from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_core.upload.record import record_of, recorded_digest

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "record",
    [
        f"{DIGEST}  spark.tgz\n",
        f"{DIGEST} *spark.tgz\n",
        f"{DIGEST.upper()}  a name with blanks.tgz\r\n",
        f"{DIGEST}",
        f"# comment\n\n{DIGEST}\n",
        f"\\{DIGEST}  a\\nb.tgz\n",
    ],
)
def test_records_are_read(record: str) -> None:
    assert recorded_digest(record.encode()) == DIGEST


@pytest.mark.parametrize(
    "record",
    [
        "",
        "\n",
        "<html></html>",
        DIGEST[:-1],
        DIGEST + "0",
        f"{DIGEST}  a\n{DIGEST}  b\n",
        "g" * 64,
        f"x{DIGEST}",
    ],
)
def test_other_texts_are_no_records(record: str) -> None:
    assert recorded_digest(record.encode()) is None


@given(st.binary())
def test_nothing_makes_it_fail(record: bytes) -> None:
    assert recorded_digest(record) is None or len(record) >= 64


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum")
@pytest.mark.parametrize("name", ["spark.tgz", "a b.tgz", "back\\slash.tgz", "new\nline.tgz", "ü.tgz"])
def test_sha256sum_checks_what_we_write(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    record = record_of(digest, name)
    assert recorded_digest(record) == digest
    (tmp_path / "record").write_bytes(record)
    subprocess.run(
        ["sha256sum", "--check", "--strict", "record"], cwd=tmp_path, check=True, capture_output=True
    )
