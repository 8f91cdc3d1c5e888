from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete, get_completion_class

from sparkmesos_cli.main import cli
from sparkmesos_cli.property_completion import complete_key, complete_option_value, complete_setting
from sparkmesos_cli.shell_words import COMPLETE_VARIABLE, register
from sparkmesos_core.conf.properties.registry import find_property

CONTEXT = click.Context(click.Command("explain"))
KEY = click.Argument(["key"])


def values(items: list[click.shell_completion.CompletionItem]) -> list[str]:
    return [item.value for item in items]


def test_a_setting_is_completed_up_to_its_equals_sign() -> None:
    (item,) = complete_setting("spark.mesos.containerize")
    assert item.value == "spark.mesos.containerizer="
    entry = find_property("spark.mesos.containerizer")
    assert entry is not None
    assert item.help == entry.meaning


def test_a_family_is_completed_up_to_its_own_part() -> None:
    assert values(complete_setting("spark.mesos.driverE")) == ["spark.mesos.driverEnv."]
    assert values(complete_setting("spark.mesos.dispatcher.queu")) == [
        "spark.mesos.dispatcher.queue=",
        "spark.mesos.dispatcher.queue.",
    ]


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("spark.mesos.coarse=", ["spark.mesos.coarse=true", "spark.mesos.coarse=false"]),
        ("spark.mesos.containerizer=m", ["spark.mesos.containerizer=mesos"]),
        ("spark.mesos.role=", []),
        ("spark.mesos.xyzzy=", []),
        ("spark.mesos.coarse=x", []),
        ("=", []),
        ("spark.mesos.fetchCache", []),  # no Spark of today reads it
        ("spark.yarn.qu", []),  # nothing on Mesos
    ],
)
def test_values_of_booleans_and_choices(typed: str, completed: list[str]) -> None:
    assert values(complete_setting(typed)) == completed


def test_a_key_is_a_property_or_a_variable() -> None:
    assert values(complete_key(CONTEXT, KEY, "spark.mesos.maxD")) == ["spark.mesos.maxDrivers"]
    assert values(complete_key(CONTEXT, KEY, "SPARK_EXECUTOR_U")) == ["SPARK_EXECUTOR_URI"]
    everything = values(complete_key(CONTEXT, KEY, ""))
    assert {"spark.cores.max", "SPARK_EXECUTOR_URI"} <= set(everything)
    assert len(everything) == len(set(everything))


def test_what_follows_another_option_is_a_file() -> None:
    assert [item.type for item in complete_option_value(["--properties-file"], "x")] == ["file"]
    assert [item.type for item in complete_option_value([], "x")] == ["file"]
    assert values(complete_option_value(["--name", "x", "--deploy-mode"], "cl")) == ["client", "cluster"]


def test_any_shell_completes_settings_of_submit() -> None:
    completion = ShellComplete(cli, {}, "sparkmesos", "_SPARKMESOS_COMPLETE")
    found = completion.get_completions(["submit", "--conf", "a=b", "--conf"], "spark.mesos.coarse=f")
    assert values(found) == ["spark.mesos.coarse=false"]


@pytest.mark.parametrize(
    ("shell", "typed", "position", "answer"),
    [
        ("zsh", ["submit", "--conf=spark.io.encryption.enabled=f"], "2", "plain\n--conf=spark.io.encryption.enabled=false\n_"),
        ("zsh", ["submit", "--mesos-driver=ht"], "2", "plain\n--mesos-driver=http\n_"),
        ("zsh", ["submit", "--conf", "spark.mesos.coarse=f"], "3", "plain\nspark.mesos.coarse=false\n_"),
        ("fish", ["submit", "--conf=spark.mesos.coarse=f"], "--conf=spark.mesos.coarse=f", "plain,--conf=spark.mesos.coarse=false"),
        ("fish", ["submit", "--conf", "spark.mesos.coarse=f"], "spark.mesos.coarse=f", "plain,spark.mesos.coarse=false"),
    ],
)  # fmt: skip
def test_zsh_and_fish_get_whole_words(
    shell: str, typed: list[str], position: str, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    monkeypatch.setenv("COMP_WORDS", "\n".join(["sparkmesos", *typed]))
    monkeypatch.setenv("COMP_CWORD", position)
    completion = get_completion_class(shell)
    assert completion is not None
    assert completion(cli, {}, "sparkmesos", COMPLETE_VARIABLE).complete() == answer


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_drop_in_is_completed_as_submit(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    monkeypatch.setenv("COMP_WORDS", "/bin/sparkmesos-submit\n--total-ex")
    monkeypatch.setenv("COMP_CWORD", "1" if shell == "zsh" else "--total-ex")
    completion = get_completion_class(shell)
    assert completion is not None
    assert "--total-executor-cores" in completion(cli, {}, "sparkmesos", COMPLETE_VARIABLE).complete()


PROMPT = b"ready" + b"> "


class Bash:
    """A bash on a terminal of its own: what people type, and what it makes of it."""

    def __init__(self, path: str) -> None:
        self._terminal, inside = pty.openpty()
        self._process = subprocess.Popen(
            [shutil.which("bash") or "bash", "--norc", "--noprofile", "-i"],
            stdin=inside, stdout=inside, stderr=inside, start_new_session=True,
            env={**os.environ, "TERM": "dumb", "PS1": "ready> ", "PATH": path, "INPUTRC": os.devnull},
        )  # fmt: skip
        os.close(inside)
        self._until_prompt()
        self.run("stty -echo cols 1000; bind 'set enable-bracketed-paste off'")

    def run(self, line: str) -> str:
        os.write(self._terminal, line.encode() + b"\n")
        return self._until_prompt()

    def words_after_tab(self, line: str) -> list[str]:
        """The words of a line after the tab key, as a command would get them."""
        # Ctrl-A: what prints the words goes in front of them once they are complete.
        shown = self.run(f"{line}\t\x01printf '<%s>' begin ")
        words = shown[shown.rindex("<begin>") :].splitlines()[0]
        return words.removeprefix("<begin><").partition(">ready")[0].removesuffix(">").split("><")

    def close(self) -> None:
        os.close(self._terminal)
        self._process.kill()
        self._process.wait()

    def _until_prompt(self) -> str:
        seen = b""
        while not seen.endswith(PROMPT):
            seen += os.read(self._terminal, 65536)
        return seen.decode(errors="replace")


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bash]:
    version = subprocess.run(
        ["bash", "-c", "echo $((BASH_VERSINFO * 100 + BASH_VERSINFO[1]))"], capture_output=True
    )
    if int(version.stdout) < 404:
        pytest.skip("Click's completion needs bash 4.4")
    folder = tmp_path_factory.mktemp("bin")
    for name, function in (("sparkmesos", "main"), ("sparkmesos-submit", "submit_main")):
        program = folder / name
        call = f"from sparkmesos_cli.main import {function}; {function}()"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{call}" "$@"\n')
        program.chmod(0o755)
    shell = Bash(f"{folder}{os.pathsep}{os.environ['PATH']}")
    try:
        shell.run("source <(sparkmesos completion bash)")
        yield shell
    finally:
        shell.close()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("sparkmesos submit --conf spark.mesos.containerize", ["--conf", "spark.mesos.containerizer="]),
        ("sparkmesos submit --conf spark.mesos.containerizer=m", ["--conf", "spark.mesos.containerizer=mesos"]),
        ("sparkmesos submit --conf spark.io.encryption.enabled=f", ["--conf", "spark.io.encryption.enabled=false"]),
        # bash takes words apart at = and :, those before the cursor too.
        ("sparkmesos submit --conf a=b --deploy-mode clu", ["--conf", "a=b", "--deploy-mode", "cluster"]),
        ("sparkmesos submit --master mesos://h:1 --conf spark.mesos.driverE",
         ["--master", "mesos://h:1", "--conf", "spark.mesos.driverEnv."]),
        ("sparkmesos submit --conf=spark.mesos.containerizer=m", ["--conf=spark.mesos.containerizer=mesos"]),
        ("sparkmesos submit --conf=spark.mesos.containerize", ["--conf=spark.mesos.containerizer="]),
        ("sparkmesos submit --conf=x=y --mesos-driver=ht", ["--conf=x=y", "--mesos-driver=http"]),
        # In quotes it does not.
        ('sparkmesos submit --conf "spark.mesos.containerizer=m', ["--conf", "spark.mesos.containerizer=mesos"]),
        ('sparkmesos submit "--conf=spark.mesos.containerizer=m', ["--conf=spark.mesos.containerizer=mesos"]),
        ("sparkmesos submit --conf 'a b=c' --deploy-mode clu", ["--conf", "a b=c", "--deploy-mode", "cluster"]),
        ("sparkmesos config explain spark.mesos.maxD", ["explain", "spark.mesos.maxDrivers"]),
        ("sparkmesos config explain SPARK_EXECUTOR_U", ["explain", "SPARK_EXECUTOR_URI"]),
        ("sparkmesos quic", ["quickstart"]),
        ("sparkmesos-submit --conf a=b --total-ex", ["--conf", "a=b", "--total-executor-cores"]),
    ],
)  # fmt: skip
def test_bash_completes(bash: Bash, typed: str, words: list[str]) -> None:
    assert bash.words_after_tab(typed)[-len(words) :] == words


def test_bash_waits_for_the_value_behind_the_equals_sign(bash: Bash) -> None:
    # Two tabs: the first writes the key, the second must find the cursor right behind it.
    assert bash.words_after_tab("sparkmesos submit --conf spark.speculati\tt")[-1] == "spark.speculation=true"


def test_bash_completes_files_where_an_application_is_expected(bash: Bash, tmp_path: Path) -> None:
    (tmp_path / "application.py").touch()
    typed = f"sparkmesos submit --conf a=b {tmp_path}/appli"
    assert bash.words_after_tab(typed)[-1] == f"{tmp_path}/application.py"
