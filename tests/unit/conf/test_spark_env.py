"""spark-env.sh, sourced by a real bash: only that can say what a script does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sparkmesos_core.conf.process_limits import NO_LIMITS, Limit
from sparkmesos_core.conf.spark_env import SparkEnv, load_spark_env
from sparkmesos_core.errors import TimedOutError, UsageError
from tests.ended_processes import await_end

BEFORE = {"PATH": os.environ["PATH"], "HOME": "/home/me", "KEPT": "as\nit is"}


def made(tmp_path: Path, script: str) -> Path:
    """A Spark home with a spark-env.sh."""
    home = tmp_path / "spark home's"
    (home / "conf").mkdir(parents=True)
    (home / "conf" / "spark-env.sh").write_text(script)
    return home


def sourced(tmp_path: Path, script: str, environment: dict[str, str] | None = None) -> SparkEnv:
    return load_spark_env(made(tmp_path, script), BEFORE if environment is None else environment)


def changes(env: SparkEnv) -> dict[str, str | None]:
    return {name: env.variables.get(name) for name in env.changed}


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", {}),
        ("A=1\nexport B=2", {"A": "1", "B": "2"}),
        ("A='x\ny=z'", {"A": "x\ny=z"}),
        ("A=$'\\xff'", {"A": "\udcff"}),
        ("A=", {"A": ""}),
        ("unset HOME", {"HOME": None}),
        ("HOME=/else; A=${KEPT%%\n*}", {"HOME": "/else", "A": "as"}),
        ("f() { A=$1; }\nf 1\nunset -f f", {"A": "1"}),
        ("A=1\nfalse", {"A": "1"}),
        ("A=1\nreturn 3\nB=2", {"A": "1"}),
        ("set -euo pipefail\nA=1", {"A": "1"}),
        ("IFS=,\nPATH=/nowhere\nA=1", {"IFS": ",", "PATH": "/nowhere", "A": "1"}),
        ("A=$(cat)x", {"A": "x"}),
        ("A=(1 2)\nB=3", {"B": "3"}),
        ("shopt -s extglob\ncase x in +(x)) A=1;; esac\nfalse", {"A": "1"}),
        ("A=$#-$1-$2", {"A": "2-some.Class-an argument"}),
        ('A=${0##*/}\nB=$(basename "${BASH_SOURCE[0]}")', {"A": "spark-class", "B": "spark-env.sh"}),
        ("A=$SPARK_ENV_LOADED-${SPARK_CONF_DIR##*/}-${SPARK_HOME##*/}", {"A": "1-conf-spark home's"}),
        ("export MASTER=mesos://x:5050 # comment", {"MASTER": "mesos://x:5050"}),
    ],
)
def test_what_it_changes_is_taken(tmp_path: Path, script: str, expected: dict[str, str | None]) -> None:
    home = made(tmp_path, script)
    env = load_spark_env(home, BEFORE, arguments=("some.Class", "an argument"))
    assert changes(env) == expected
    assert env.script == home / "conf" / "spark-env.sh"
    assert env.lost == ()
    unchanged = {**BEFORE, "SPARK_ENV_LOADED": "1", "SPARK_HOME": str(home), "SPARK_CONF_DIR": f"{home}/conf"}
    assert {name: value for name, value in env.variables.items() if name not in env.changed} == {
        name: value for name, value in unchanged.items() if name not in env.changed
    }


def test_an_exported_function_goes_on(tmp_path: Path) -> None:
    env = sourced(tmp_path, "f() { echo hi; }")
    (name,) = env.changed
    assert name.startswith("BASH_FUNC_f")
    assert "echo hi" in env.variables[name]


def test_a_variable_of_a_strange_name_is_kept(tmp_path: Path) -> None:
    env = sourced(tmp_path, "A=1", {**BEFORE, "a.b-c": "x"})
    assert env.variables["a.b-c"] == "x"
    assert env.changed == {"A"}


def test_the_folder_of_spark_conf_dir_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made(tmp_path, "A=home")
    (tmp_path / "-odd").mkdir()
    (tmp_path / "-odd" / "spark-env.sh").write_text("A=odd")
    monkeypatch.chdir(tmp_path)
    assert changes(load_spark_env(home, {**BEFORE, "SPARK_CONF_DIR": "-odd"})) == {"A": "odd"}
    assert changes(load_spark_env(home, {**BEFORE, "SPARK_CONF_DIR": ""})) == {"A": "home"}
    assert changes(load_spark_env(None, {**BEFORE, "SPARK_CONF_DIR": "-odd"})) == {"A": "odd"}


def test_it_is_sourced_once(tmp_path: Path) -> None:
    environment = {**BEFORE, "SPARK_ENV_LOADED": "1"}
    assert sourced(tmp_path, "A=1", environment) == SparkEnv(environment)


def test_without_a_script_no_process_is_started(tmp_path: Path) -> None:
    environment = {"HOME": "/home/me"}  # there is no bash on this PATH
    assert load_spark_env(tmp_path, environment) == SparkEnv(
        {
            "HOME": "/home/me",
            "SPARK_ENV_LOADED": "1",
            "SPARK_CONF_DIR": str(tmp_path / "conf"),
            "SPARK_HOME": str(tmp_path),
        }
    )
    assert load_spark_env(None, environment) == SparkEnv(environment)


def test_a_folder_of_its_name_is_no_script(tmp_path: Path) -> None:
    (tmp_path / "conf" / "spark-env.sh").mkdir(parents=True)
    assert load_spark_env(tmp_path, BEFORE).script is None


@pytest.mark.parametrize(
    "script", ["exit 1", "exit 0", "set -e\nfalse", "exec true", "kill -9 $$", "set -n", "builtin() { :; }"]
)
def test_a_script_that_does_not_come_to_its_end_is_refused(tmp_path: Path, script: str) -> None:
    with pytest.raises(UsageError, match=r"spark-env\.sh ended the shell") as caught:
        sourced(tmp_path, f"A=1\n{script}\nB=2")
    assert "return" in caught.value.hint


def test_functions_with_the_names_of_builtins_do_no_harm(tmp_path: Path) -> None:
    names = ("set", "exec", "printf", "umask", "ulimit", "pwd", "shopt")
    env = sourced(tmp_path, "A=1\n" + "\n".join(f"{name}() {{ :; }}" for name in names))
    assert env.variables["A"] == "1"
    assert env.variables["KEPT"] == BEFORE["KEPT"]


def test_a_syntax_error_is_refused_with_its_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"spark-env\.sh:3 is not valid bash") as caught:
        sourced(tmp_path, "A=1\nSECRET=hunter2\nif true; then; fi\n")
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_an_unreadable_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made(tmp_path, "A=1")
    # root may read everything
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "spark-env" not in str(path) and real(path, mode))
    with pytest.raises(UsageError, match="cannot be read"):
        load_spark_env(home, BEFORE)


def test_bash_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no bash on the PATH"):
        sourced(tmp_path, "A=1", {"PATH": str(tmp_path)})


def test_a_null_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be sourced"):
        load_spark_env(made(tmp_path, "A=1"), BEFORE, arguments=("a\0b",))


def test_an_endless_script_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    script = f"sleep 600 &\necho $! > '{file}'\nwhile :; do :; done"
    with pytest.raises(TimedOutError, match=r"did not come to its end within 0\.5 seconds"):
        load_spark_env(made(tmp_path, script), BEFORE, timeout=0.5)
    if file.exists():  # else the machine is so slow that it never came to that
        await_end(int(file.read_text()))


def test_what_runs_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    # A subshell keeps all descriptors open, a program most.
    env = sourced(tmp_path, f"( sleep 600; : ) &\necho $! > '{pid}'\nA=1")
    try:
        assert changes(env) == {"A": "1"}
    finally:
        os.killpg(os.getpgid(int(pid.read_text())), 9)


def test_its_output_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert changes(sourced(tmp_path, "echo out; echo err >&2; A=1")) == {"A": "1"}
    assert capfd.readouterr() == ("", "out\nerr\n")


@pytest.mark.parametrize("mode", ["", "set -e", "set -o posix"])
def test_umask_and_limits_are_for_the_program_that_is_started(tmp_path: Path, mode: str) -> None:
    env = sourced(tmp_path, f"umask 0027\nulimit -S -n 64; ulimit -c 0; ulimit -S -s 4096\n{mode}")
    assert env.limits.umask == 0o027
    limits = {limit.letter: limit for limit in env.limits.limits}
    assert limits["n"] == Limit("n", 64, None)
    assert limits["s"] == Limit("s", 4096 * 1024, None)
    assert limits.keys() <= {"n", "s", "c"}
    assert (env.lost, env.findings()) == ((), ())


def test_a_limit_that_stays_is_none_that_was_changed(tmp_path: Path) -> None:
    env = sourced(
        tmp_path, "umask $(umask)\nulimit -S -n $(ulimit -S -n)", {**BEFORE, "POSIXLY_CORRECT": "y"}
    )
    assert env.limits == NO_LIMITS


def test_another_working_folder_is_told(tmp_path: Path) -> None:
    env = sourced(tmp_path, "cd /")
    (finding,) = env.findings()
    assert "changes the working folder" in finding.message
    assert str(finding.origin) == str(env.script)


def test_origins_name_the_script(tmp_path: Path) -> None:
    env = sourced(tmp_path, "A=1")
    assert env.script_of("A") == str(env.script)
    assert env.script_of("KEPT") == ""


def test_any_bytes_come_through(tmp_path: Path) -> None:
    value = os.fsdecode(bytes(range(1, 256)) * 3)
    env = sourced(tmp_path, 'COPY="$VALUE"', {**BEFORE, "VALUE": value})
    assert changes(env) == {"COPY": value}
    assert env.variables["VALUE"] == value
