"""Every check has a test that breaks what it looks at, on a real cluster or server, and sees it fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sparkmesos_core.verify.all_checks import ALL_CHECKS
from tests.broken_checks import BadMark, breaking_tests, breaking_tests_in

IDS = [check.id for check in ALL_CHECKS]

SOURCE = """
import pytest

@pytest.mark.breaks("master-version", "agents-versions")
def test_a(): pass

class TestB:
    @pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.breaks("agents-role"))])
    def test_c(self, n): pass
"""


def test_every_check_is_broken_by_some_test() -> None:
    broken = breaking_tests()
    assert [name for name in IDS if name not in broken] == []


def test_no_mark_names_a_check_that_does_not_exist() -> None:
    assert {name: tests for name, tests in breaking_tests().items() if name not in IDS} == {}


def test_ids() -> None:
    assert len(set(IDS)) == len(IDS)
    assert len(IDS) >= 40
    assert [name for name in IDS if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name)] == []


def test_marks() -> None:
    assert list(breaking_tests_in(SOURCE, "test_x.py")) == [
        ("test_x.py::test_a", "master-version"),
        ("test_x.py::test_a", "agents-versions"),
        ("test_x.py::test_c", "agents-role"),
    ]


def test_marks_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "test_x.py").write_text(SOURCE)
    (tmp_path / "x.py").write_text("pytest.mark.breaks()")
    assert breaking_tests(tmp_path)["agents-role"] == ["deep/test_x.py::test_c"]


@pytest.mark.parametrize(
    "source",
    [
        'pytestmark = pytest.mark.breaks("master-version")',
        "@pytest.mark.breaks\ndef test_a(): pass",
        "@pytest.mark.breaks()\ndef test_a(): pass",
        "@pytest.mark.breaks(NAME)\ndef test_a(): pass",
        '@pytest.mark.breaks("a", check="b")\ndef test_a(): pass',
        '@pytest.mark.breaks("a")\ndef not_a_test(): pass',
    ],
)
def test_marks_that_cannot_be_read(source: str) -> None:
    with pytest.raises(BadMark, match=r"^test_x\.py:"):
        list(breaking_tests_in(source, "test_x.py"))
