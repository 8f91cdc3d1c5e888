from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_cli.spark_arguments import SparkArgumentsCommand, split_arguments


def echo(**values: Any) -> None:
    click.echo(repr(values))


command = SparkArgumentsCommand(
    "command",
    callback=echo,
    params=[
        click.Option(["--master"], envvar="TEST_MASTER"),
        click.Option(["--ca-file"]),
        click.Option(["--dry-run/--no-dry-run"]),
        click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED),
    ],
)
explain = SparkArgumentsCommand(
    "explain",
    callback=echo,
    params=[
        click.Argument(["key"]),
        click.Option(["--output"]),
        click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED),
    ],
)


def called(command: click.Command, *arguments: str, **environment: str) -> dict[str, Any]:
    result = CliRunner().invoke(command, arguments, env=environment)
    assert result.exit_code == 0, result.output
    values: dict[str, Any] = eval(result.output)
    return values


@pytest.mark.parametrize(
    ("line", "own", "spark"),
    [
        ([], {}, []),
        (["--ca-file", "f", "--dry-run"], {"ca_file": "f", "dry_run": True}, []),
        (["--ca-file=f", "app.py", "--dry-run"], {"ca_file": "f"}, ["app.py", "--dry-run"]),
        (
            ["--class", "X", "--dry-run", "--conf", "a=b c", "--ca-file", "f", "app.jar", "--ca-file", "g"],
            {"ca_file": "f", "dry_run": True},
            ["--class", "X", "--conf", "a=b c", "app.jar", "--ca-file", "g"],
        ),
        # Values of options are theirs, whatever they look like.
        (["--name", "--dry-run", "app.py"], {}, ["--name", "--dry-run", "app.py"]),
        (["--ca-file", "--verbose", "app.py"], {"ca_file": "--verbose"}, ["app.py"]),
        (["--verbose", "--dry-run", "app.py"], {"dry_run": True}, ["--verbose", "app.py"]),
        (["--conf=a=b", "--no-dry-run", "-v", "", "x"], {}, ["--conf=a=b", "-v", "", "x"]),
        (["-c", "a=--dry-run", "app.py"], {}, ["-c", "a=--dry-run", "app.py"]),
        (
            ["run-example", "--dry-run", "SparkPi", "--dry-run"],
            {"dry_run": True},
            ["run-example", "SparkPi", "--dry-run"],
        ),
        # What both know is Spark's.
        (["--master", "m", "--dry-run"], {"dry_run": True}, ["--master", "m"]),
        (["--master=m", "app.py"], {}, ["--master=m", "app.py"]),
        # What nobody knows is left to Spark's own parser to refuse.
        (["--completely-unknown", "--dry-run"], {}, ["--completely-unknown", "--dry-run"]),
        (["--", "--dry-run"], {}, ["--", "--dry-run"]),
        (["--conf"], {}, ["--conf"]),
    ],
)
def test_whose_arguments_they_are(line: list[str], own: dict[str, Any], spark: list[str]) -> None:
    expected = {"master": None, "ca_file": None, "dry_run": False, **own, "arguments": tuple(spark)}
    assert called(command, *line) == expected


def test_an_option_of_both_holds_what_the_variable_says() -> None:
    values = called(command, "--master", "typed", TEST_MASTER="of the variable")
    assert (values["master"], values["arguments"]) == ("of the variable", ("--master", "typed"))


@pytest.mark.parametrize(
    "line",
    [
        ["--conf", "a=b", "KEY", "--output", "json", "x.py", "1"],
        ["KEY", "--conf", "a=b", "--output=json", "x.py", "1"],
    ],
)
def test_a_commands_own_arguments_stand_before_the_application(line: list[str]) -> None:
    assert called(explain, *line) == {
        "key": "KEY",
        "output": "json",
        "arguments": ("--conf", "a=b", "x.py", "1"),
    }


@pytest.mark.parametrize(
    ("line", "own", "rest"),
    [
        (["-e", "1", "--dry-run", "x", "--ca-file=f"], ["--dry-run", "--ca-file=f"], ["-e", "1", "x"]),
        (["--name", "--dry-run", "--", "--dry-run"], [], ["--name", "--dry-run", "--", "--dry-run"]),
        (["--name", "--", "--dry-run"], ["--dry-run"], ["--name", "--"]),
    ],
)
def test_without_an_application_options_may_stand_anywhere(
    line: list[str], own: list[str], rest: list[str]
) -> None:
    split = split_arguments(line, {"--ca-file": True, "--dry-run": False}, mixed=True)
    assert (split.own, split.spark) == (own, rest)


WORDS = st.sampled_from(
    [
        "--ca-file",
        "--ca-file=f",
        "--dry-run",
        "--master",
        "--conf",
        "a=b",
        "--conf=a=b",
        "-c",
        "-v",
        "--",
        "-x",
    ]
) | st.text(max_size=4)


@given(st.lists(WORDS, max_size=12), st.integers(0, 2), st.booleans())
def test_nothing_is_lost_added_or_reordered(line: list[str], positionals: int, mixed: bool) -> None:
    split = split_arguments(line, {"--ca-file": True, "--dry-run": False}, positionals, mixed=mixed)
    assert sorted(split.own + split.positional + split.spark) == sorted(line)
    for part in (split.own, split.positional, split.spark):
        rest = iter(line)
        assert all(word in rest for word in part)  # which is so for what keeps the order


@pytest.mark.parametrize(
    ("what", "line", "said"),
    [
        (command, ["--conf", "a=b", "--ca-file"], "--ca-file"),
        (explain, ["--conf", "a=b"], "Missing argument 'KEY'"),
        (explain, [], "Missing argument 'KEY'"),
        (command, ["--dryrun", "app.py"], "No such option --dryrun. Did you mean --dry-run?"),
        (command, ["--conf", "a=b", "--ca-fil=f"], "No such option --ca-fil. Did you mean --ca-file?"),
        (command, ["--dry-run=yes"], "does not take a value"),
    ],
)
def test_mistakes(what: click.Command, line: list[str], said: str) -> None:
    result = CliRunner().invoke(what, line)
    assert result.exit_code == 2
    assert said in result.output


def test_help_among_sparks_options() -> None:
    result = CliRunner().invoke(command, ["--conf", "a=b", "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")
