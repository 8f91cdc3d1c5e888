from __future__ import annotations

from pathlib import Path

from sparkmesos_core.directories import cache_directory, state_directory


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
