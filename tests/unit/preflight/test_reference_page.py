"""docs/reference/preflight.md lists what a preflight can find."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import sparkmesos_core.preflight

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "preflight.md"
PACKAGE = Path(sparkmesos_core.preflight.__file__).parent


def made() -> Iterator[str]:
    """The ids in the calls that make findings."""
    for module in sorted(PACKAGE.glob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                id = node.args[0]
                if node.func.id in ("Finding", "_finding") and isinstance(id, ast.Constant):
                    yield str(id.value)


def listed() -> Iterator[str]:
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            yield from re.findall(r"`([a-z-]+)`", line.split("|")[1])


def test_the_page_lists_every_finding_and_no_other() -> None:
    assert set(made()) >= {"no-fitting-agent", "role-refused", "python-version"}
    assert sorted(listed()) == sorted(set(made()))
