"""What runs the command for the other tests hides no failure of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.verify.verifying import Report, read_report, verify


def record(**fields: Any) -> dict[str, Any]:
    return {
        "id": "one", "status": "ok", "seen": "all is well", "follows": "", "seconds": 0.0, "problems": [],
        **fields,
    }  # fmt: skip


def read(exit_code: int, *records: dict[str, Any]) -> Report:
    return read_report(exit_code, json.dumps({"checks": records}), "")


def test_a_command_that_is_refused_has_found_nothing_sound() -> None:
    refused = verify("--master", "mesos://127.0.0.1:1", "--only", "no-such-check")
    assert refused.exit_code == 2
    for ask in (refused.failing, refused.errors, refused.follows):
        with pytest.raises(AssertionError, match="no check was made: exit code 2"):
            ask()


def test_reports_that_are_told() -> None:
    assert read(0, record(), record(id="two", status="warning")).failing() == {"two"}
    assert read(1, record(status="error")).errors() == {"one"}


@pytest.mark.parametrize(
    ("exit_code", "records", "told"),
    [
        (0, (), "no check, and is content"),
        (0, (record(status="error"),), "exit code 0"),
        (1, (record(status="fatal"),), "one is fatal"),
        (1, (record(), record()), "there twice"),
        (1, (record(status="warning", seen="the check itself failed: KeyError"),), "the check itself failed"),
    ],
)
def test_reports_that_cannot_be(exit_code: int, records: tuple[dict[str, Any], ...], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        read(exit_code, *records)
