from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_cli.shell import ShellCommand
from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.arguments import Action
from sparkmesos_core.submit.shell_arguments import FOREIGN, read_shell_arguments
from sparkmesos_core.submit.shells import SHELL_OF


@pytest.mark.parametrize(
    ("language", "words", "options", "own"),
    [
        ("scala", [], [], []),
        (
            "scala",
            ["-I", "a.scala", "--conf", "spark.a=b", "b.scala", "--name=x"],
            ["--conf", "spark.a=b", "--name=x"],
            ["-I", "a.scala", "b.scala"],
        ),
        # Values of options are theirs, whatever they look like.
        (
            "scala",
            ["--name", "--", "--files", "-I", "--", "-e", "1"],
            ["--name", "--", "--files", "-I"],
            ["-e", "1"],
        ),
        (
            "sql",
            ["-e", "SELECT 1", "-v", "--hiveconf", "a=b"],
            ["-v"],
            ["-e", "SELECT 1", "--hiveconf", "a=b"],
        ),
        # Spark's launcher would drop what follows the '='.
        (
            "sql",
            ["--database=x", "--", "--hiveconf=a=b"],
            [],
            ["--database", "x", "--hiveconf", "a=b"],
        ),
        ("sql", ["--", "-S", "--", "-f", "x"], [], ["-S", "--", "-f", "x"]),
        ("sql", ["-f", "-", "--", "-e", "", "--", "-f"], [], ["-f", "-", "-e", "", "--", "-f"]),
        ("python", ["--py-files", "a.py", "--"], ["--py-files", "a.py"], []),
        ("r", ["-c", "spark.a=b"], ["-c", "spark.a=b"], []),
    ],
)
def test_options_and_the_shells_own(
    language: str, words: list[str], options: list[str], own: list[str]
) -> None:
    read = read_shell_arguments(SHELL_OF[language], words)
    assert (list(read.options), list(read.application)) == (options, own)
    assert list(read.application_arguments) == own


@pytest.mark.parametrize(
    ("language", "resource", "name"),
    [
        ("scala", "spark-shell", "Spark shell"),
        ("python", "pyspark-shell", "PySparkShell"),
        ("sql", "spark-internal", None),
        ("r", "sparkr-shell", None),
        ("connect", "spark-internal", "Spark Connect server"),
    ],
)
def test_it_is_what_sparks_program_says(language: str, resource: str, name: str | None) -> None:
    read = read_shell_arguments(SHELL_OF[language], [])
    assert (read.resource, read.action, read.values.get("--name")) == (resource, Action.SUBMIT, name)
    mine = read_shell_arguments(SHELL_OF[language], ["--name", "mine", "--master", "mesos://h"])
    assert (mine.values["--name"], mine.values["--master"]) == ("mine", "mesos://h")


@pytest.mark.parametrize(
    ("language", "words", "message", "hint"),
    [
        ("scala", ["--class", "X"], "no option --class", "sparkmesos submit --class"),
        ("python", ["--supervise"], "no option --supervise", "cluster mode"),
        ("sql", ["--status", "driver-1"], "no option --status", "sparkmesos status"),
        ("sql", ["--name"], "--name needs a value", ""),
        # What stands behind is not its value.
        ("sql", ["-e", "x", "--name"], "--name needs a value", ""),
        ("sql", ["-e"], "-e of spark-sql needs a value", "Write -e QUERY."),
        ("sql", ["--", "-S", "-f"], "-f of spark-sql needs a value", "Write -f FILE."),
        ("sql", ["-e", "-S"], "-e of spark-sql needs a value", ""),
        ("sql", ["-i", "--hiveconf=a=b"], "-i of spark-sql needs a value", ""),
        # What is Spark's own option is no value, either.
        ("sql", ["--database", "--name", "x"], "--database of spark-sql needs a value", "--database NAME"),
        ("scala", ["--conf", "novalue"], "has no '='", ""),
        ("scala", ["--deploy-mode", "both"], "is not a deploy mode", ""),
        ("scala", ["--executor-memroy", "2g"], "no option --executor-memroy", "--executor-memory?"),
        ("sql", ["--hivecnf", "a=b"], "spark-sql has no option --hivecnf", "--hiveconf?"),
        ("scala", ["--hiveconf", "a=b"], "spark-shell has no option --hiveconf", "behind --"),
        ("python", ["--name="], "--name needs a value", "--name NAME"),
        (
            "scala",
            ["-Dspark.cores.max=2"],
            "properties from -Dspark.cores.max",
            "--conf spark.cores.max=VALUE",
        ),
        ("scala", ["app.jar"], "'app.jar'", "sparkmesos submit` for that; -I FILE"),
        ("scala", ["x.scala"], "would pass over the argument 'x.scala'", "in front of it"),
        ("sql", ["SELECT secret"], "would pass over the argument 'SELECT'", ""),
        ("python", ["app.py"], "does not run applications: 'app.py'", "sparkmesos submit"),
        ("python", ["-q"], "takes no arguments besides options: '-q'", "PYSPARK_DRIVER_PYTHON_OPTS"),
        ("python", ["--", "x"], "takes no arguments besides options: 'x'", "PYSPARK_DRIVER_PYTHON_OPTS"),
        ("r", ["--", "script.R", "1"], "sparkR does not run applications: 'script.R'", "sparkmesos submit"),
        ("r", ["--", "--vanilla"], "sparkR takes no arguments", "Leave it out."),
        ("connect", ["--wait"], "Spark Connect has no option --wait", "sparkmesos shell --help"),
        ("connect", ["15002"], "Spark Connect takes no arguments besides options: '15002'", "Leave it out."),
        ("connect", ["--", "app.py"], "Spark Connect does not run applications", "sparkmesos submit"),
        ("sql", ["--", "-v"], "cannot be given -v, which Spark takes", "in front of --"),
        ("scala", ["--", "-e", "1", "--conf=a=hunter2"], "cannot be given --conf,", "in front of --"),
    ],
)
def test_what_is_refused(language: str, words: list[str], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_shell_arguments(SHELL_OF[language], words)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_the_command_completes_none_of_the_options_that_are_refused() -> None:
    assert set(ShellCommand.foreign) == set(FOREIGN)


@given(st.lists(st.sampled_from(["-e", "--name", "x", "--", "-v", "--files", "-S"])))
def test_no_word_is_lost_but_the_separator(words: list[str]) -> None:
    try:
        read = read_shell_arguments(SHELL_OF["sql"], words)
    except UsageError:
        return
    lost = Counter(words) - Counter((*read.options, *read.application))
    assert lost in (Counter(), Counter(["--"]))
