from __future__ import annotations

import pytest

from sparkmesos_core.dist.entry import Entry, EntryKind


@pytest.mark.parametrize(
    ("kind", "mode", "executable"),
    [
        (EntryKind.FILE, 0o755, True),
        (EntryKind.FILE, 0o700, True),
        (EntryKind.FILE, 0o644, False),
        (EntryKind.FILE, 0o655, False),
        (EntryKind.FOLDER, 0o755, False),
        (EntryKind.LINK, 0o777, False),
    ],
)
def test_executable_is_a_file_that_its_owner_may_run(kind: EntryKind, mode: int, executable: bool) -> None:
    assert Entry("bin/spark-class", kind, mode).executable is executable
