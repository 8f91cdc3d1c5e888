"""What is remembered of an upload."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.upload.s3.kept_upload import KeptUpload, KeptUploads

KEPT = KeptUpload("id", "ab" * 32, 5, 3)


def uploads(folder: Path, key: str = "key") -> KeptUploads:
    return KeptUploads({"SPARKMESOS_STATE_DIR": str(folder / "state")}, "http://host", "bucket", key)


def note(folder: Path) -> Path:
    return next((folder / "state" / "uploads").iterdir())


def test_one_place_after_the_other(tmp_path: Path) -> None:
    assert uploads(tmp_path).load() is None
    uploads(tmp_path).save(KEPT)
    assert uploads(tmp_path).load() == KEPT
    assert uploads(tmp_path, "other").load() is None
    assert note(tmp_path).parent.stat().st_mode & 0o777 == 0o700
    uploads(tmp_path).save(KeptUpload("newer", "cd" * 32, 6, 4))
    found = uploads(tmp_path).load()
    assert found is not None
    assert found.upload_id == "newer"
    uploads(tmp_path).forget()
    uploads(tmp_path).forget()
    assert uploads(tmp_path).load() is None
    assert list((tmp_path / "state" / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"format": 2, "upload_id": "i", "sha256": "s", "size": 1, "part_bytes": 1}',
        '{"format": 1, "upload_id": "i"}',
        '{"format": 1, "upload_id": 3, "sha256": "s", "size": 1, "part_bytes": 1}',
        '{"format": 1, "upload_id": "i", "sha256": "s", "size": "1", "part_bytes": 1}',
        '{"format": 1, "upload_id": "i", "sha256": "s", "size": 1, "part_bytes": 0}',
        "\udcff",
    ],
)
def test_a_note_that_is_none(content: str, tmp_path: Path) -> None:
    uploads(tmp_path).save(KEPT)
    note(tmp_path).write_text(content, errors="surrogateescape")
    assert uploads(tmp_path).load() is None


def test_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(SparkMesosError, match="where --resume remembers uploads: Not a directory"):
        uploads(tmp_path).save(KEPT)
    uploads(tmp_path).forget()
    assert uploads(tmp_path).load() is None
