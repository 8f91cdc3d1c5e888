"""The pages of docs/guide, their commands, and what the pages show of their output.

How a page is marked, and there is no other way: a block fenced as `bash` holds commands, each of which is run; one fenced
as `text` that follows it shows what they print, with `…` for what is left out; any other block is a file.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GUIDE = Path(__file__).parents[1] / "docs" / "guide"
CONTENTS = "README.md"
FILES = frozenset({"dockerfile", "ini", "scala"})
ANYTHING = "…"
SHOWS_EXIT_CODE = 'echo "exit code $?"'
"""A command that may fail is followed by this one, and the page shows what it prints."""

_LINK = re.compile(r"^\d+\. \[[^\]]+\]\((?P<page>[a-z-]+\.md)\)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """Commands that follow each other; `output` are the lines that the page shows of what they print."""

    page: str
    line: int
    commands: tuple[str, ...]
    output: tuple[str, ...]

    @property
    def place(self) -> str:
        return f"docs/guide/{self.page}:{self.line}"


@dataclass(frozen=True)
class _Fence:
    language: str
    line: int
    lines: tuple[str, ...]
    behind: str | None
    """The language of the fence before it, if nothing is between the two."""


def chapters() -> list[str]:
    """The pages in the order of the contents, which do not belong to themselves."""
    return _LINK.findall((GUIDE / CONTENTS).read_text(encoding="utf-8"))


def blocks(page: str) -> list[Block]:
    """The commands of a page, in order. AssertionError if it is marked in another way than it has to be."""
    found: list[Block] = []
    for fence in _fences(page):
        place = f"{page}:{fence.line}"
        if fence.language == "bash":
            found.append(Block(page, fence.line, tuple(split_commands("\n".join(fence.lines))), ()))
        elif fence.language == "text":
            assert fence.behind == "bash", f"{place}: output of which commands?"
            before = found.pop()
            found.append(Block(page, before.line, before.commands, fence.lines))
        else:
            assert fence.language in FILES, f"{place}: a block is bash, text, or one of {sorted(FILES)}"
    for block in found:
        shown = sum(line.startswith("exit code ") for line in block.output)
        assert shown == block.commands.count(SHOWS_EXIT_CODE), f"{block.place}: which exit code?"
    return found


def split_commands(text: str) -> Iterator[str]:
    """The commands of a script, each with all of its lines. AssertionError if the last one does not end."""
    pending: list[str] = []
    for line in text.splitlines():
        pending.append(line)
        if _is_complete("\n".join(pending)):
            if any(each.strip() and not each.lstrip().startswith("#") for each in pending):
                yield "\n".join(pending)
            pending = []
    assert not pending, f"bash cannot read: {pending}"


def with_names_of(text: str, names: Mapping[str, str]) -> str:
    """A text with other names in it, the longest first; what has taken a name's place is not looked at again."""
    pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(pattern, lambda found: names[found[0]], text)


def missing_line(shown: Sequence[str], *streams: str) -> str | None:
    """The first line that a page shows and that is on none of the streams behind the ones before it; None if all are.

    Lines in between do not count: a page shows what matters. It does not say what is on stdout and what on stderr,
    between which there is no order.
    """
    unread = [stream.splitlines() for stream in streams]
    for expected in shown:
        if expected.strip() == ANYTHING or not expected.strip():
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in expected.split(ANYTHING)))
        for number, lines in enumerate(unread):
            places = (place for place, line in enumerate(lines) if pattern.fullmatch(line.rstrip()))
            if (place := next(places, None)) is not None:
                unread[number] = lines[place + 1 :]
                break
        else:
            return expected
    return None


def _fences(page: str) -> Iterator[_Fence]:
    language: str | None = None
    lines: list[str] = []
    start = 0
    behind: str | None = None
    for number, line in enumerate((GUIDE / page).read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if language is None:
                language, lines, start = line.removeprefix("```"), [], number
            else:
                assert line == "```", f"{page}:{number}: the block of line {start} has no end"
                yield _Fence(language, start, tuple(lines), behind)
                language, behind = None, language
        elif language is not None:
            lines.append(line)
        elif line.strip():
            is_block = line.startswith(("    ", "\t")) or line.lstrip().startswith(("```", "~~~"))
            assert not is_block, (
                f"{page}:{number}: only a block fenced by ``` from the first column on is run"
            )
            behind = None
    assert language is None, f"{page}: the block of line {start} has no end"


def _is_complete(text: str) -> bool:
    if text.endswith("\\"):
        return False
    tried = subprocess.run(
        ["bash", "-n"],
        input=text + "\n",
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    )
    # A here-document that has no end is only a warning.
    return tried.returncode == 0 and not tried.stderr
