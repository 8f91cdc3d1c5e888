"""Which tests break what a check of `verify-cluster` looks at: by their marks `@pytest.mark.breaks("check-id")`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

REAL = Path(__file__).parent / "integration" / "verify"
"""Where things are broken on real clusters and servers."""


class BadMark(ValueError):
    """A mark that cannot be read: where it is and what is wrong with it."""


def breaking_tests(folder: Path = REAL) -> dict[str, list[str]]:
    """The ids of checks, each with the tests below the folder that break it. Raises BadMark."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        name = path.relative_to(folder).as_posix()
        for test, check in breaking_tests_in(path.read_text(encoding="utf-8"), name):
            found.setdefault(check, []).append(test)
    return found


def breaking_tests_in(source: str, name: str) -> Iterator[tuple[str, str]]:
    """Pairs of a test and a check that it breaks, in the text of a file of this name. Raises BadMark."""
    tree = ast.parse(source, name)
    told = 0
    for test in ast.walk(tree):
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
            for mark in (node for one in test.decorator_list for node in ast.walk(one) if _is_mark(node)):
                told += 1
                for check in _named(mark, name):
                    yield f"{name}::{test.name}", check
    if told < sum(map(_mentions, ast.walk(tree))):
        raise BadMark(f"{name}: a mark stands where no test is, or without naming a check")


def _is_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _mentions(node.func)


def _mentions(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "pytest.mark.breaks"


def _named(mark: ast.AST, name: str) -> list[str]:
    assert isinstance(mark, ast.Call)
    named = [one.value for one in mark.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    if mark.keywords or not mark.args or len(named) < len(mark.args):
        raise BadMark(f"{name}:{mark.lineno}: a mark has ids of checks, written out, and nothing else")
    return named
