"""Settings of a durable framework that is no dispatcher; those of one are in `dispatcher/test_settings.py`."""

from __future__ import annotations

import os
import pwd

import pytest

from sparkmesos_core.durable_framework.framework_settings import (
    advertised_host,
    framework_info,
    number_in,
    read_master,
    user_name,
)
from sparkmesos_core.errors import UsageError


@pytest.mark.parametrize("text", ["embedded", "https://m:5050"])
def test_masters_that_it_cannot_go_to_are_refused_in_its_name(text: str) -> None:
    with pytest.raises(UsageError, match=r"^A lighthouse "):
        read_master(text, "lighthouse")


def test_whom_tasks_run_as(monkeypatch: pytest.MonkeyPatch) -> None:
    assert user_name({"SPARK_USER": "ops"}, "lamps") == "ops"

    assert user_name({"HADOOP_USER_NAME": "hops"}, "lamps") == "hops"
    assert user_name({"USER": "who-called-su"}, "lamps") == pwd.getpwuid(os.getuid()).pw_name

    def nobody(_uid: int) -> pwd.struct_passwd:
        raise KeyError("uid")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert user_name({"USER": "of-a-container"}, "lamps") == "of-a-container"
    with pytest.raises(UsageError, match="no name to run lamps as"):
        user_name({}, "lamps")


@pytest.mark.parametrize("text", ["-1", "65536", "1.5", "x", "²"])
def test_a_variable_that_is_no_number_of_the_range(text: str) -> None:
    with pytest.raises(UsageError, match=f"PORT={text} is not a whole number from 0 to 65535"):
        number_in({"PORT": text}, "PORT", 7, range(65536))


def test_a_variable_that_is_empty_or_missing_is_the_default() -> None:
    assert number_in({"PORT": " "}, "PORT", 7, range(65536)) == number_in({}, "PORT", 7, range(65536)) == 7


def test_the_name_for_others() -> None:
    assert advertised_host("127.0.0.1", "") == "127.0.0.1"
    assert advertised_host("127.0.0.1", "h.example") == "h.example"
    assert advertised_host("0.0.0.0", "") not in ("0.0.0.0", "")


def test_mesos_keeps_its_tasks_for_ever() -> None:
    info = framework_info(
        {"spark.mesos.role": " r "}, user="u", name="n", hostname="h", webui_url="http://h:1", principal=None
    )
    assert info["checkpoint"] is True
    assert info["failover_timeout"] > 60 * 365 * 86400
    assert (info["role"], "principal" in info) == ("r", False)
