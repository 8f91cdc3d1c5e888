"""The folder of the Java 21 that tests download."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.java_21 import filled_once


def test_it_is_filled_once(tmp_path: Path) -> None:
    folder = tmp_path / "java"
    filled_once(folder, lambda made: (made / "first").touch())
    filled_once(folder, lambda made: (made / "second").touch())
    assert (folder / "first").exists()
    assert not (folder / "second").exists()


def test_what_was_not_filled_to_the_end_is_filled_anew(tmp_path: Path) -> None:
    folder = tmp_path / "java"

    def ends_early(made: Path) -> None:
        (made / "part").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filled_once(folder, ends_early)
    filled_once(folder, lambda made: (made / "all").touch())
    assert (folder / "all").exists()
    assert not (folder / "part").exists()
