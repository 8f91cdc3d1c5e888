from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.directories import cache_directory, config_directory, state_directory
from sparkmesos_core.errors import UsageError


def test_own_variable_then_xdg_then_home() -> None:
    environment = {"SPARKMESOS_STATE_DIR": "/a", "XDG_STATE_HOME": "/b", "HOME": "/c"}
    assert state_directory(environment) == Path("/a")
    del environment["SPARKMESOS_STATE_DIR"]
    assert state_directory(environment) == Path("/b/sparkmesos")
    environment["XDG_STATE_HOME"] = "relative"
    assert state_directory(environment) == Path("/c/.local/state/sparkmesos")


def test_cache() -> None:
    assert cache_directory({"HOME": "/c"}) == Path("/c/.cache/sparkmesos")
    assert cache_directory({"XDG_CACHE_HOME": "/d", "HOME": "/c"}) == Path("/d/sparkmesos")
    assert cache_directory({"SPARKMESOS_CACHE_DIR": "/e", "XDG_CACHE_HOME": "/d"}) == Path("/e")


def test_configuration() -> None:
    assert config_directory({"HOME": "/c"}) == Path("/c/.config/sparkmesos")
    assert config_directory({"XDG_CONFIG_HOME": "/d", "HOME": "/c"}) == Path("/d/sparkmesos")


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", none)
    assert config_directory({}) is None
    assert cache_directory({"XDG_CACHE_HOME": "/d"}) == Path("/d/sparkmesos")
    with pytest.raises(UsageError, match="no home folder") as caught:
        state_directory({"HOME": ""})
    assert "SPARKMESOS_STATE_DIR" in caught.value.hint
