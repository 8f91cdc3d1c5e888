"""The commands and options that the documentation shows exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sparkmesos_cli.main import cli
from sparkmesos_cli.spark_arguments import SparkArgumentsCommand
from sparkmesos_core.spark.submit_options import find_option

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_IN_PROSE = re.compile(r"`([^`]+)`")
# Where a shell begins another command, or a comment.
_NEXT_COMMAND = re.compile(r" [|;&#] |[;&] |\|\||&&|\s#|2?>")


def command_lines(page: Path) -> Iterator[tuple[int, str]]:
    """What is shown of `sparkmesos`, one line each, from its name on; with the numbers of the lines."""
    lines = page.read_text(encoding="utf-8").splitlines()
    fenced = False
    for number, line in enumerate(lines, 1):
        if line.startswith("```"):
            fenced = not fenced
        if not fenced and not line.startswith("    "):
            continue
        shown, following = line, number
        while shown.endswith("\\"):
            shown = shown[:-1] + lines[following]
            following += 1
        for part in re.split(r"\bsparkmesos (?=[a-z])", shown)[1:]:
            yield number, _NEXT_COMMAND.split(part)[0]


def in_prose(page: Path) -> Iterator[tuple[int, str]]:
    """What stands between backticks in a sentence, with or without `sparkmesos`, from the command's name on."""
    # Of fenced blocks the line ends stay, for the numbers of lines.
    text = _FENCED.sub(lambda found: "\n" * found[0].count("\n"), page.read_text(encoding="utf-8"))
    for found in _IN_PROSE.finditer(text):
        words = found[1].split()
        is_named = len(words) > 1 and words[0] == "sparkmesos" and words[1][0].islower()
        if is_named or (len(words) > 1 and words[0] in cli.list_commands(click.Context(cli))):
            yield text.count("\n", 0, found.start()) + 1, " ".join(words[is_named:])


def found_command(words: list[str]) -> click.Command:
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        name = words.pop(0).rstrip(",;)'\"")
        found = command.get_command(click.Context(command), name)
        assert found is not None, name
        command = found
    return command


def test_enough_is_found() -> None:
    names = {line.split()[0] for page in PAGES for _, line in command_lines(page)}
    assert {"submit", "config", "start-local-cluster", "upload-dist", "serve-dist", "bridge"} <= names
    assert {"status", "logs", "upload-dist"} <= {
        line.split()[0] for page in PAGES for _, line in in_prose(page)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_exist(page: Path) -> None:
    unknown = []
    for number, line in (*command_lines(page), *in_prose(page)):
        command = found_command(line.split())
        known = {
            name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        takes_more = isinstance(command, SparkArgumentsCommand)
        for option in _OPTION.findall(line):
            if option != "--help" and option not in known and not (takes_more and find_option(option)):
                unknown.append(f"{page.name}:{number}: {option} of {command.name}")
    assert unknown == []
