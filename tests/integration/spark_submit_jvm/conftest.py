"""One JVM and one dispatcher for all that is compared in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.spark_submit_jvm.cases import make_directory
from tests.integration.spark_submit_jvm.submitter import (
    HERE,
    Dispatcher,
    Submitter,
    compile_scala,
    dispatcher,
)

if TYPE_CHECKING:
    from tests.conftest import MadeOnce
    from tests.integration.spark_under_test import SparkUnderTest


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that everything runs in; its name is not made of letters alone, so that it needs quoting."""
    made = (tmp_path_factory.mktemp("submit") / "a b ü%").resolve()
    make_directory(made)
    before = Path.cwd()
    os.chdir(made)
    yield made
    os.chdir(before)


@pytest.fixture(scope="module")
def classes(made_once: MadeOnce, spark_under_test: SparkUnderTest) -> Path:
    home, java = spark_under_test.home.path, spark_under_test.java.executable

    def compile_submitter(folder: Path) -> None:
        compile_scala(HERE / "Submitter.scala", folder / "classes", home, java)

    return made_once(f"submitter-{spark_under_test.version}", compile_submitter) / "classes"


@pytest.fixture(scope="module")
def submitter(
    tmp_path_factory: pytest.TempPathFactory, classes: Path, directory: Path, spark_under_test: SparkUnderTest
) -> Iterator[Submitter]:
    log = tmp_path_factory.mktemp("jvm") / "log"
    made = Submitter(classes, directory, log, spark_under_test.home.path, spark_under_test.java.executable)
    yield made
    made.close()


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Dispatcher]:
    with dispatcher() as made:
        yield made
