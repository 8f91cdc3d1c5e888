"""Where a dispatcher keeps its drivers unless somebody says where."""

from __future__ import annotations

from pathlib import Path

from sparkmesos_core.dispatcher.locations import database_path, instance_directory


def test_each_instance_has_a_folder_of_its_own(tmp_path: Path) -> None:
    environment = {"SPARKMESOS_STATE_DIR": str(tmp_path)}
    assert database_path(environment) == tmp_path / "dispatcher-1" / "drivers.db"
    assert instance_directory(environment, 3) == tmp_path / "dispatcher-3"
    assert list(tmp_path.iterdir()) == []
