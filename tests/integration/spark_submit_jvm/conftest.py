"""One JVM and one dispatcher for all that is compared in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.spark_submit_jvm.cases import make_directory
from tests.integration.spark_submit_jvm.submitter import (
    HERE,
    Dispatcher,
    Submitter,
    compile_scala,
    dispatcher,
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that everything runs in; its name is not made of letters alone, so that it needs quoting."""
    made = (tmp_path_factory.mktemp("submit") / "a b ü%").resolve()
    make_directory(made)
    before = Path.cwd()
    os.chdir(made)
    yield made
    os.chdir(before)


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("submitter") / "classes"
    compile_scala(HERE / "Submitter.scala", folder)
    return folder


@pytest.fixture(scope="module")
def submitter(
    tmp_path_factory: pytest.TempPathFactory, classes: Path, directory: Path
) -> Iterator[Submitter]:
    made = Submitter(classes, directory, tmp_path_factory.mktemp("jvm") / "log")
    yield made
    made.close()


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Dispatcher]:
    with dispatcher() as made:
        yield made
