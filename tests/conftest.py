"""What holds for all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every machine, however slow it is. `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, max_examples=2000)
settings.load_profile("repeatable")

MadeOnce = Callable[[str, Callable[[Path], object]], Path]


def pytest_configure() -> None:
    """Started by a shell in the background (`pytest &` in a script), we and all we start would ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the whole run, in however many processes it is."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # each process has a folder of its own in that of the run
    folder /= "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def made_once(shared_folder: Path) -> MadeOnce:
    """`made_once(name, fill)` is a folder that the first to ask for it has filled; whoever else asks waits for that."""

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder = shared_folder / name
        with (shared_folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                unfinished = shared_folder / f"{name}.unfinished"
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                fill(unfinished)
                unfinished.rename(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def cache_dir(shared_folder: Path) -> Path:
    """One cache for all tests: the bridge is compiled once."""
    folder = shared_folder / "cache"
    folder.mkdir(exist_ok=True)
    return folder
