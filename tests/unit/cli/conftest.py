"""What commands are given that would start or find daemons."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of a user with an empty configuration, and folders of this test alone."""
    (tmp_path / "conf").mkdir()
    return {
        "SPARKMESOS_STATE_DIR": str(tmp_path / "state"),
        "SPARK_CONF_DIR": str(tmp_path / "conf"),
        "PATH": "/usr/bin:/bin",
        "USER": "ops",
    }
