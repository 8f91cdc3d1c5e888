from __future__ import annotations

import pytest

from sparkmesos_core.verify.probe.report import MARK, read_report


def test_report_among_other_lines() -> None:
    text = f"Received SUBSCRIBED event\n{MARK} user=spark\n{MARK} java.says=one\n{MARK} java.says=two = 2\n\nx=y\n"
    report = read_report(text)
    assert report is not None
    assert report["user"] == "spark"
    assert report["java.says"] == "one"
    assert report.lines("java.says") == ("one", "two = 2")
    assert "x" not in report
    assert report["x"] == ""
    assert not report.is_whole


def test_whole_report() -> None:
    report = read_report(f"{MARK} end=yes\r\n")
    assert report is not None
    assert report.is_whole


@pytest.mark.parametrize(
    "text", ["", "user=spark", f"{MARK}", f"{MARK} ", f"{MARK} user", f"x {MARK} user=a"]
)
def test_no_report(text: str) -> None:
    assert read_report(text) is None


def test_no_secrets_and_nothing_that_a_terminal_obeys() -> None:
    report = read_report(f"{MARK} class.says=\x1b[31mhttps://me:tell-no-one@host/x\n{MARK} empty=")
    assert report is not None
    assert "tell-no-one" not in report["class.says"]
    assert "\x1b" not in report["class.says"]
    assert report.lines("empty") == ()
    assert "empty" in report


def test_bounds() -> None:
    report = read_report("\n".join(f"{MARK} a={'x' * 5000}" for _ in range(5000)))
    assert report is not None
    assert len(report.said["a"]) == 300
    assert len(report["a"]) == 500
