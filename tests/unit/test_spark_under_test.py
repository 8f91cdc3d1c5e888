"""The lists of what runs with both Sparks, and of what differs between them."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.spark_differences import DIFFERENCES
from tests.integration.spark_releases import OLDER_4
from tests.integration.spark_under_test import BOTH, WITH_ALL_OF_4, WITH_BOTH, versions_for

INTEGRATION = Path(__file__).parents[1] / "integration"


@pytest.mark.parametrize("name", sorted({*WITH_BOTH, *WITH_ALL_OF_4}))
def test_what_runs_with_both_is_there(name: str) -> None:
    """A test that was renamed would go on with one of them only."""
    path, *inside = name.split("::")
    body = ast.parse((INTEGRATION / path).read_text(encoding="utf-8")).body
    for part in inside:
        (found,) = (
            node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == part
        )
        body = found.body


@pytest.mark.parametrize("names", [WITH_BOTH, WITH_ALL_OF_4])
def test_each_is_listed_once(names: tuple[str, ...]) -> None:
    assert [name for name, count in Counter(names).items() if count > 1] == []
    inside = [name for name in names if any(name.startswith(f"{other}::") for other in names)]
    assert inside == []


@pytest.mark.parametrize("name", WITH_ALL_OF_4)
def test_what_runs_with_all_of_4_runs_with_both(name: str) -> None:
    node_id = f"tests/integration/{name}::test_it" if name.endswith(".py") else f"tests/integration/{name}"
    assert versions_for(node_id, older=True) == (*BOTH, *OLDER_4)
    assert versions_for(node_id, older=False) == BOTH


@pytest.mark.parametrize(
    ("node_id", "expected"),
    [
        ("tests/integration/run_modes/test_coarse.py::TestSizes::test_cores", BOTH),
        ("tests/integration/test_submit_spark.py::test_a_jvm_application", BOTH),
        ("tests/integration/test_submit_spark.py::test_a_jvm_application_of_another_name", ()),
        ("tests/integration/test_submit_spark.py::test_mistakes", ()),
        ("tests/integration/test_coarse.py::test_cores", ()),
    ],
)
def test_which_run_with_both(node_id: str, expected: tuple[str, ...]) -> None:
    assert versions_for(node_id, older=True) == versions_for(node_id, older=False) == expected


def test_differences() -> None:
    """Each under an id of its own, and told in full."""
    ids = [difference.id for difference in DIFFERENCES]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one) for one in ids)
    for one in DIFFERENCES:
        assert all((one.where, one.spark_3, one.spark_4, one.why)), one.id
