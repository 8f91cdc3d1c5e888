"""How the guide's pages are read, and their output compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import guide_pages
from tests.guide_pages import CONTENTS, blocks, chapters, missing_line, split_commands, with_names_of


def test_commands_of_several_lines() -> None:
    commands = [
        "a=$(echo \\\n    b)",
        "cat > file <<'END'\nif x\nEND",
        "(umask 077; true)",
        "echo '\na'",
        "echo |\n    cat",
        "sleep 9 &",
    ]
    assert list(split_commands("\n".join(commands))) == commands


def test_comments_and_blank_lines_are_no_commands() -> None:
    assert list(split_commands("# only this\n\ntrue\n")) == ["true"]


def test_a_command_without_its_end() -> None:
    with pytest.raises(AssertionError, match="cannot read"):
        list(split_commands("true\necho 'x"))


@pytest.mark.parametrize(
    ("shown", "printed", "missing"),
    [
        (["b"], "a\nb\nc\n", None),
        (["b"], "abc\n", "b"),
        (["…b…"], "abc\n", None),
        (["a", "c"], "a\nb\nc\n", None),
        (["c", "a"], "a\nb\nc\n", "a"),
        (["a", "…", "c", ""], "a\nb\nc\n", None),
        (["x.…z"], "xyz\n", "x.…z"),
        ([], "", None),
    ],
)
def test_what_a_page_shows(shown: list[str], printed: str, missing: str | None) -> None:
    assert missing_line(shown, printed) == missing


def test_streams_have_no_order_between_them() -> None:
    assert missing_line(["exit code 1", "error: no"], "exit code 1\n", "error: no\n") is None
    assert missing_line(["error: no", "exit code 1"], "exit code 1\n", "error: no\n") is None
    assert missing_line(["b", "a"], "a\nb\n", "b\n") == "a"


def test_names_are_replaced_once_and_the_longest_first() -> None:
    names = {"HOST": "a", "a": "b", "HOST:5050": "HOST"}
    assert with_names_of("HOST:5050 HOST a", names) == "HOST a b"


def page_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    (tmp_path / "page.md").write_text(text)
    monkeypatch.setattr(guide_pages, "GUIDE", tmp_path)
    return "page.md"


def test_a_block_and_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "# A\n\n```bash\ntrue\nfalse\n```\n\n```text\nno\n```\n\n```ini\nx\n```\nwords\n```bash\ntrue\n```\n"
    )
    [first, second] = blocks(page_of(tmp_path, monkeypatch, text))
    assert (first.commands, first.output, first.line) == (("true", "false"), ("no",), 3)
    assert (second.commands, second.output) == (("true",), ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# A\n\n    sparkmesos list\n", "only a block fenced"),
        ("# A\n\n\tsparkmesos list\n", "only a block fenced"),
        ("~~~bash\ntrue\n~~~\n", "only a block fenced"),
        ("- first\n  ```bash\n  true\n  ```\n", "only a block fenced"),
        ("```sh\ntrue\n```\n", "a block is bash"),
        ("```\ntrue\n```\n", "a block is bash"),
        ("```bash\ntrue\n```\nwords\n```text\nno\n```\n", "output of which"),
        ("```text\nno\n```\n", "output of which"),
        ("```bash\ntrue\n```\n```text\na\n```\n```text\nb\n```\n", "output of which"),
        ("```bash\ntrue\n```\n```ini\na\n```\n```text\nb\n```\n", "output of which"),
        ('```bash\nfalse\necho "exit code $?"\n```\n', "which exit code"),
        ('```bash\nfalse\necho "exit code $?"\n```\n```text\n…\n```\n', "which exit code"),
        ("```bash\ntrue\n", "has no end"),
    ],
)
def test_marked_in_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        blocks(page_of(tmp_path, monkeypatch, text))


@pytest.mark.parametrize("page", chapters())
def test_a_page_uses_no_variable_that_it_has_not_set(page: str) -> None:
    """The shell in which the guide is tested has more of them than a reader's."""
    known: set[str] = set()
    for block in (*blocks(CONTENTS), *blocks(page)):
        for command in block.commands:
            unset = set(re.findall(r"\$\{?([A-Za-z_]\w*)", command)) - known
            assert not unset, f"{block.place}: {command}"
            known |= set(re.findall(r"^(?:export )?(\w+)=", command, re.MULTILINE))
