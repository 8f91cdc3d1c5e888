from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from sparkmesos_cli.submit import PassOnCommand


@click.command(cls=PassOnCommand)
@click.option("--master")
@click.option("--dry-run", is_flag=True)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(**values: Any) -> None:
    click.echo(repr(values))


@pytest.mark.parametrize(
    ("own", "rest"),
    [
        (["--master", "m", "--dry-run"], ["--class", "X", "app.jar", "--master", "n"]),
        (["--master=m"], ["app.py", "--dry-run"]),
        (["--master", "m"], ["--verbose", "--dry-run", "app.py"]),
        (["--master", "m"], ["--", "--dry-run"]),
        (["--master", "m"], ["-v", "--conf", "a=b c", "", "app.py"]),
        (["--dry-run"], []),
        ([], ["--driver-memory=1g", "--master", "m", "app.py"]),
    ],
)
def test_options_are_ours_up_to_the_first_that_is_not(own: list[str], rest: list[str]) -> None:
    result = CliRunner().invoke(command, [*own, *rest])
    assert result.exit_code == 0, result.output
    expected = {
        "master": "m" if any(argument.startswith("--master") for argument in own) else None,
        "dry_run": "--dry-run" in own,
        "arguments": tuple(rest),
    }
    assert eval(result.output) == expected


def test_an_option_without_its_value_is_an_error() -> None:
    result = CliRunner().invoke(command, ["--master"])
    assert result.exit_code == 2
    assert "--master" in result.output
