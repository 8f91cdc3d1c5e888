from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from sparkmesos_cli import start_dispatcher, status
from sparkmesos_cli.default_map import command_defaults
from sparkmesos_cli.main import run
from sparkmesos_core.errors import ExitCode, UsageError
from sparkmesos_core.settings import parse_settings

FILE = Path("/etc/own.toml")


@click.command("toy")
@click.option("--output", type=click.Choice(["table", "json"]), envvar="SPARKMESOS_OUTPUT")
@click.option("--number", type=click.IntRange(1, 9))
@click.option("--many", multiple=True)
@click.option("--flag/--no-flag")
@click.option("--odd", "other_name")
@click.argument("argument")
def toy(**_: object) -> None:
    """A command with an option of each kind."""


@click.command("tool")
@click.option("--output", type=click.Path())
def tool(**_: object) -> None:
    """A command whose --output is a file."""


def defaults(text: str, command: click.Command = toy) -> dict[str, object]:
    return command_defaults(command, parse_settings(text, FILE), (str(command.name),))


class TestValues:
    def test_none(self) -> None:
        assert defaults("") == {}

    def test_shared_settings(self) -> None:
        assert defaults('output = "json"\nmaster = "mesos://h:1"\n') == {"output": "json"}

    def test_another_option_of_the_same_name_is_not_meant(self) -> None:
        assert defaults('output = "json"\n', tool) == {}

    def test_an_option_with_a_variable_of_its_own_is_not_meant(self) -> None:
        """The token that is shown to a dispatcher is not the one that a dispatcher demands."""
        text = 'auth-token-file = "token"\n'
        assert defaults(text, status.command) == {"auth_token_file": "token"}
        assert defaults(text, start_dispatcher.command) == {}

    def test_the_table_of_the_command_wins(self) -> None:
        assert defaults('output = "json"\n[toy]\noutput = "table"\n') == {"output": "table"}

    def test_types(self) -> None:
        text = '[toy]\nnumber = 3\nmany = ["a", 1]\nflag = true\nodd = "x"\n'
        assert defaults(text) == {"number": "3", "many": ["a", "1"], "flag": True, "other_name": "x"}

    def test_one_value_of_many(self) -> None:
        assert defaults('[toy]\nmany = "a"\n') == {"many": ["a"]}

    @pytest.mark.parametrize(
        ("line", "message", "hint"),
        [
            ("numbr = 3", "`sparkmesos toy` has no option --numbr", "Did you mean number?"),
            ("other_name = 3", "has no option --other_name", "There are: output, number"),
            ("argument = 3", "has no option --argument", "spark-defaults.conf"),
            ("spark.cores.max = 3", "has no option --spark", "Options and properties of Spark"),
            ("number = 33", "number of toy: 33 is not at least 1 and at most 9", "`sparkmesos toy --help`"),
            ('number = "x"', "number of toy: 'x' is not a whole number", "--number"),
            ("number = [1]", "number of toy is neither a text nor a number", "number ="),
            ("number = true", "number of toy is neither a text nor a number", "number ="),
            ("number = 2026-01-01", "number of toy is neither a text nor a number", "number ="),
            ('odd = "\\u0000"', "odd of toy is neither a text nor a number", "odd ="),
            ('flag = "yes"', "flag of toy is neither true nor false", "flag = true"),
            ("many = [[1]]", "many of toy is neither", "many"),
        ],
    )
    def test_mistakes_name_the_line(self, line: str, message: str, hint: str) -> None:
        with pytest.raises(UsageError) as caught:
            defaults(f"# first\n[toy]\n{line}\n")
        assert caught.value.message.startswith(f"{FILE}:3: ")
        assert message in caught.value.message
        assert hint in caught.value.hint


class TestCommandLine:
    @pytest.fixture
    def write(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("SPARKMESOS_OUTPUT", raising=False)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        file = tmp_path / "sparkmesos" / "config.toml"
        file.parent.mkdir()

        def write(text: str) -> Path:
            file.write_text(text)
            return file

        return write

    def reports_json(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> bool:
        assert run(["config", "list", "--filter", "rejectOffer", *arguments]) == 0
        return capsys.readouterr().out.startswith("{")

    def test_what_wins(self, write, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
        assert not self.reports_json(capsys)
        write('output = "json"')
        assert self.reports_json(capsys)
        monkeypatch.setenv("SPARKMESOS_OUTPUT", "table")
        assert not self.reports_json(capsys)
        assert self.reports_json(capsys, "--output", "json")

    def test_the_table_of_a_subcommand(self, write, capsys) -> None:
        write('[config.list]\noutput = "json"\ndeprecated = true\n')
        assert run(["config", "list"]) == 0
        properties = json.loads(capsys.readouterr().out)["properties"]
        assert properties
        assert all(one["deprecated"] for one in properties)

    @pytest.mark.parametrize(
        ("text", "line", "message", "hint"),
        [
            ("\n[submitt]\n", 2, "`sparkmesos` has no command 'submitt'", "submit"),
            ("\nspark.cores.max = 4\n", 2, "properties of Spark are no settings", "spark-defaults.conf"),
            ("[config.lst]\n", 1, "`sparkmesos config` has no command 'lst'", "list"),
            ('[config]\noutput = "json"\n', 2, "`sparkmesos config` has no command 'output'", ""),
            ("[config]\nlist = 3\n", 2, "config.list is the name of a command", "[config.list]"),
            ("config = 3\n", 1, "there is no setting 'config'", ""),
            ('[config.list]\nfiltre = "x"\n', 2, "`sparkmesos config list` has no option --filtre", "filter"),
        ],
    )
    def test_mistakes(self, write, capsys, text: str, line: int, message: str, hint: str) -> None:
        file = write(text)
        assert run(["config", "list"]) == ExitCode.USAGE
        out, err = capsys.readouterr()
        assert out == ""
        assert f"error: {file}:{line}: {message}" in err
        assert hint in err

    def test_a_spark_that_is_none(self, write, capsys) -> None:
        file = write('\nspark-home = "/no/such"\n')
        assert run(["config", "show"]) == ExitCode.USAGE
        assert f"error: {file}:2: /no/such (spark-home) does not exist" in capsys.readouterr().err

    def test_other_commands_are_not_looked_at(self, write, capsys) -> None:
        write("[submit]\nnothing-like-that = 1\n")
        assert run(["config", "list"]) == 0

    def test_completion_and_version_do_not_need_it(self, write, capsys) -> None:
        write("nonsense")
        assert run(["--version"]) == 0
        assert run(["--help"]) == 0
