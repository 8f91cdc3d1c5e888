from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.home import read_spark
from sparkmesos_core.spark.native_library import VARIABLE
from sparkmesos_core.submit.mesos_driver import (
    ClientModeOptions,
    MesosDriver,
    check_driver,
    check_options,
    speaks_http,
)

GONE = {VARIABLE: "/nope/libmesos.so"}
HTTP, NATIVE = ClientModeOptions(MesosDriver.HTTP), ClientModeOptions(MesosDriver.NATIVE)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without libmesos."""
    monkeypatch.setattr("sparkmesos_core.spark.native_library._FOLDERS", ())


@pytest.mark.parametrize(
    ("options", "master", "environment", "http"),
    [
        (ClientModeOptions(), "mesos://h", {}, True),
        (ClientModeOptions(), None, {}, True),
        (ClientModeOptions(), "nonsense", {}, True),
        (ClientModeOptions(), "mesos://h", GONE, False),  # submit stops
        (ClientModeOptions(), None, GONE, False),
        (ClientModeOptions(), "embedded", GONE, True),
        (ClientModeOptions(), "https://h", GONE, True),
        (ClientModeOptions(start_timeout=1), "mesos://h", GONE, True),
        (HTTP, "mesos://h", GONE, True),
        (NATIVE, "mesos://h", {}, False),
        (NATIVE, "embedded", {}, False),
    ],
)
def test_whether_the_driver_speaks_http(
    options: ClientModeOptions, master: str | None, environment: dict[str, str], http: bool
) -> None:
    assert speaks_http(options, master, environment, None) is http


def test_libmesos_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "libmesos.so").touch()
    there = {VARIABLE: str(tmp_path / "libmesos.so")}
    assert not speaks_http(ClientModeOptions(), "mesos://h", there, None)
    check_driver(NATIVE, "mesos://h", there, None)


@pytest.mark.parametrize(
    ("master", "environment", "said"),
    [
        ("embedded", GONE, "speaks only HTTP"),
        ("mesos://h", {}, "there is no libmesos"),
        (None, {}, "there is no"),
    ],
)
def test_native_that_cannot_be_had(master: str | None, environment: dict[str, str], said: str) -> None:
    check_driver(HTTP, master, environment, None)
    with pytest.raises(UsageError, match=said):
        check_driver(NATIVE, master, environment, None)


def test_a_variable_that_names_no_file_is_told_of_elsewhere() -> None:
    check_driver(NATIVE, "mesos://h", GONE, None)


@pytest.mark.parametrize(("version", "scala"), [("4.0.0", "2.13"), ("4.3.0", "2.13")])
def test_spark_4_uses_no_libmesos(
    make_spark: Callable[..., Path], tmp_path: Path, version: str, scala: str
) -> None:
    """Not even where there is one, which a Spark 3 would use."""
    (tmp_path / "libmesos.so").touch()
    there = {VARIABLE: str(tmp_path / "libmesos.so")}
    spark = read_spark(make_spark(version, scala, mesos=False), "SPARK_HOME")
    assert speaks_http(ClientModeOptions(), "mesos://h", there, spark)
    assert speaks_http(ClientModeOptions(), "mesos://h", GONE, spark)
    for environment in (there, GONE, {}):
        with pytest.raises(
            UsageError, match=rf"native .* Spark {re.escape(version)} has no backend"
        ) as error:
            check_driver(NATIVE, "mesos://h", environment, spark)
        assert error.value.hint == "Leave out --mesos-driver native."
    older = read_spark(make_spark("3.5.9", name="older"), "SPARK_HOME")
    assert not speaks_http(ClientModeOptions(), "mesos://h", there, older)


def test_options_without_a_meaning() -> None:
    cluster = {"spark.submit.deployMode": "cluster", "spark.master": "mesos://h"}
    set_for_good = ClientModeOptions(start_timeout=9, work_dir=Path("w"))
    check_options(set_for_good, cluster)
    with pytest.raises(UsageError, match="--start-timeout is for client mode"):
        check_options(ClientModeOptions(start_timeout=9, typed=("--start-timeout",)), cluster)
    for master in ("embedded", "embedded[3]", "nonsense"):
        check_options(set_for_good, {"spark.master": master})
    with pytest.raises(UsageError, match="--work-dir is for an embedded master only"):
        check_options(set_for_good, {"spark.master": "mesos://h"})
