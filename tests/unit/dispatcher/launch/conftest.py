from __future__ import annotations

from pathlib import Path

import pytest

from tests.driver_shell import SHELLS


@pytest.fixture(params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest) -> str:
    """Each that is somebody's /bin/sh."""
    return str(request.param)


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    return folder
