"""What is said of what a driver needs on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkmesos_core.errors import BridgeError
from sparkmesos_core.verify.checks.client import check_writable


def test_a_cache_that_can_be_made_is_not_made(tmp_path: Path) -> None:
    check_writable(tmp_path / "yet" / "to" / "make")
    check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder that root cannot write to")
def test_a_cache_where_even_root_can_make_nothing() -> None:
    with pytest.raises(
        BridgeError, match=r"^.* and /proc/x/bridge cannot be written to: in /proc "
    ) as caught:
        check_writable(Path("/proc/x/bridge"))
    assert caught.value.hint == "Make /proc writable, or set SPARKMESOS_CACHE_DIR to another directory."


@pytest.mark.parametrize("dangling", [False, True])
def test_a_cache_in_what_is_no_directory(tmp_path: Path, dangling: bool) -> None:
    place = tmp_path / "place"
    if dangling:
        place.symlink_to(tmp_path / "nowhere")
    else:
        place.touch()
    with pytest.raises(BridgeError, match=f"cannot be written to: {place} is no directory$") as caught:
        check_writable(place / "x" / "bridge")
    assert caught.value.hint == "Set SPARKMESOS_CACHE_DIR to a directory that is one."
