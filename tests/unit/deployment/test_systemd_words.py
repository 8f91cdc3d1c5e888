"""Whatever is in an argument, systemd hands over just that."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sparkmesos_core.deployment.systemd_words import assignment, command_line, path_word, whole_line
from sparkmesos_core.errors import UsageError
from tests.unit.deployment.unit_reader import command, words

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(TEXTS))
@example(
    [
        "",
        " ",
        ";",
        "\\;",
        "#",
        "%h",
        "100%",
        "$HOME",
        "${HOME}",
        "$$",
        "a\nb",
        "\\",
        '"',
        "'",
        "\\x41",
        "\x7f",
    ]
)
@example(["-Dx=%i $$", "ünïcode \u2028", "trailing\\"])
def test_arguments_come_back(arguments: list[str]) -> None:
    line = command_line("/opt/a b/spark%mesos", arguments)
    assert len(line.splitlines()) == 1 or "\n" not in line
    assert command(line) == ["/opt/a b/spark%mesos", *arguments]


@given(TEXTS)
@example('-Da="$b" %c')
def test_variables_come_back(value: str) -> None:
    # Nothing is put in the place of $NAME there.
    assert words(assignment("SPARK_SHUFFLE_OPTS", value)) == [f"SPARK_SHUFFLE_OPTS={value}"]


def test_what_needs_no_quotes_has_none() -> None:
    line = command_line("/opt/bin/sparkmesos", ["--conf", "spark.a=b", "--zk", "z1:2181,z2:2181"])
    assert line == "/opt/bin/sparkmesos --conf spark.a=b --zk z1:2181,z2:2181"


def test_dollars_of_the_program_stay() -> None:
    assert command_line("/opt/$x/run", ["$x"]) == "/opt/$x/run $$x"


@pytest.mark.parametrize("text", ["a\0b", "a\udcffb"])
@pytest.mark.parametrize("write", [lambda text: command_line("/a", [text]), path_word, whole_line])
def test_what_no_unit_can_hold(write, text: str) -> None:
    with pytest.raises(UsageError):
        write(text)


def test_whole_lines() -> None:
    assert whole_line("/etc/a b/100%.env") == "/etc/a b/100%%.env"
    with pytest.raises(UsageError, match="control characters"):
        whole_line("a\nExecStart=/bin/false")
