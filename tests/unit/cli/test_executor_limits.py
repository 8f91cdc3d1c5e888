"""--dynamic-allocation on command lines, in variables and in the settings file."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkmesos_cli.executor_limits import ExecutorLimits
from sparkmesos_cli.main import run
from sparkmesos_cli.spark_arguments import split_arguments
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.submit.dynamic_allocation import parse_limits
from tests.http_stub import Answer, http_stub

OPTION = "--dynamic-allocation"


def split(*line: str, mixed: bool = False) -> tuple[list[str], list[str]]:
    optional = {OPTION: ExecutorLimits().completed}
    found = split_arguments(line, {OPTION: True, "--dry-run": False}, mixed=mixed, optional=optional)
    return found.own, found.spark


@pytest.mark.parametrize(
    ("line", "own", "spark"),
    [
        ([OPTION, "app.py", "5"], [f"{OPTION}=:"], ["app.py", "5"]),
        ([OPTION, "2:10", "app.py", "3:4"], [f"{OPTION}=2:10"], ["app.py", "3:4"]),
        ([OPTION, "10", "app.py"], [f"{OPTION}=10"], ["app.py"]),
        ([f"{OPTION}=2:10", "app.py"], [f"{OPTION}=2:10"], ["app.py"]),
        ([f"{OPTION}=", "app.py"], [f"{OPTION}="], ["app.py"]),
        ([OPTION, "--dry-run", "app.py"], [f"{OPTION}=:", "--dry-run"], ["app.py"]),
        ([OPTION, "--conf", "a=b", "app.py"], [f"{OPTION}=:"], ["--conf", "a=b", "app.py"]),
        ([OPTION], [f"{OPTION}=:"], []),
        # Wrong ones are not taken for applications.
        ([OPTION, "-1", "app.py"], [f"{OPTION}=-1"], ["app.py"]),
        ([OPTION, "a:b", "app.py"], [f"{OPTION}=a:b"], ["app.py"]),
        ([OPTION, "", "app.py"], [f"{OPTION}="], ["app.py"]),
        # Values of other options, and arguments of applications, are theirs.
        (["--name", OPTION, "app.py"], [], ["--name", OPTION, "app.py"]),
        (["app.py", OPTION, "2:10"], [], ["app.py", OPTION, "2:10"]),
    ],
)
def test_whose_words_they_are(line: list[str], own: list[str], spark: list[str]) -> None:
    assert split(*line) == (own, spark)


def test_in_a_shell() -> None:
    assert split(OPTION, "-e", "SELECT 1", mixed=True) == ([f"{OPTION}=:"], ["-e", "SELECT 1"])
    assert split("-e", "SELECT 1", OPTION, "2:3", mixed=True) == ([f"{OPTION}=2:3"], ["-e", "SELECT 1"])


@given(st.text(alphabet="0123456789:-.ab/", max_size=6))
def test_what_follows_is_a_value_or_left_alone(word: str) -> None:
    own, spark = split(OPTION, word)
    assert (own, spark) in (([f"{OPTION}={word}"], []), ([f"{OPTION}=:"], [word]))
    try:
        parse_limits(word)
    except Exception:  # noqa: BLE001 - whatever it is, it is no value
        return
    assert spark == []


@dataclass
class Said:
    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command where neither Spark nor settings are, unless a test says so."""
    monkeypatch.setattr("sparkmesos_core.spark.home.importlib_util.find_spec", lambda name: None)

    def run_it(*line: str, **environment: str) -> Said:
        terminal = Terminal(environment={"HOME": str(tmp_path), "PATH": os.environ["PATH"], **environment})
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            return Said(run(line, terminal), *capfd.readouterr())

    return run_it


def shown(said: Said) -> dict[str, tuple[str, str]]:
    """What `config show` tells of dynamic allocation: value and place, by the last word of the property."""
    assert said.code == 0, said.err
    return {
        one["key"].rpartition(".")[2]: (one["value"], one["place"]["name"])
        for one in json.loads(said.out)["configuration"]["properties"]
        if ".dynamicAllocation." in one["key"]
    }


SHOW = ("config", "show", "--output", "json")


def test_the_places_that_can_say_it(call: Call, tmp_path: Path) -> None:
    variable = {"SPARKMESOS_DYNAMIC_ALLOCATION": "1:3"}
    expected = {"enabled": "true", "minExecutors": "1", "maxExecutors": "3"}
    settings = tmp_path / "settings.toml"
    settings.write_text('[submit]\ndynamic-allocation = "1:3"\n')
    for name, said in (
        (OPTION, call(*SHOW, OPTION, "1:3")),
        (str(settings), call(*SHOW, SPARKMESOS_CONFIG=str(settings))),
        ("SPARKMESOS_DYNAMIC_ALLOCATION", call(*SHOW, **variable)),
    ):
        assert shown(said) == {key: (value, name) for key, value in expected.items()}
    # What is set for good gives way.
    said = call(*SHOW, "--conf", "spark.dynamicAllocation.enabled=false", **variable)
    assert shown(said) == {"enabled": ("false", "--conf")}
    assert shown(call(*SHOW, OPTION, **variable)) == {"enabled": ("true", OPTION)}


@pytest.mark.parametrize("value", ["5:2", "a:b", "0", "-1", "1:2:3", " "])
def test_wrong_values(call: Call, value: str) -> None:
    for line in (
        ("submit", OPTION, value, "app.py"),
        ("submit", f"{OPTION}={value}", "--deploy-mode", "cluster", "http://h/app.py"),
        ("shell", "--lang", "r", OPTION, value),
        ("verify-cluster", OPTION, value),
    ):
        said = call(*line)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith(f"error: Invalid value for '{OPTION}': '{value}' ")
    said = call("submit", "app.py", SPARKMESOS_DYNAMIC_ALLOCATION=value)
    assert said.code == 2
    assert said.err.startswith(f"error: SPARKMESOS_DYNAMIC_ALLOCATION: '{value}' ")


def test_a_variable_of_a_script_that_is_not_set(call: Call) -> None:
    """An empty word is neither limits, nor none, nor an application."""
    for line in (("submit", OPTION, "", "app.py"), ("submit", f"{OPTION}=", "app.py"), ("shell", OPTION, "")):
        said = call(*line)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith(f"error: Invalid value for '{OPTION}': '' names no number of executors. ")
        assert "':', or no value at all, sets no limits" in said.err
    master = ("--master", "mesos://127.0.0.1:1")
    for words in ((OPTION, "1:4", ""), ("",), ("--deploy-mode", "cluster", ""), ("--dry-run", " ")):
        said = call("submit", *master, *words)
        assert (said.code, said.out) == (2, "")
        assert said.err.count("error: ") == 1, said.err
        assert "error: The name of the application is empty\n" in said.err
    said = call("config", "check", *master, "--deploy-mode", "cluster", "")
    assert said.code == 1
    assert "The name of the application is empty" in said.out
    assert "a path on this machine" not in said.out


def test_a_mistyped_option(call: Call) -> None:
    said = call("submit", "--dynamic-alocation", "1:4", "app.py")
    assert (said.code, said.err) == (
        2,
        "error: No such option --dynamic-alocation. Did you mean --dynamic-allocation?\n"
        "hint: `sparkmesos submit --help` shows what can be given.\n",
    )


def test_contradictions_stop_a_submission_all_at_once(call: Call) -> None:
    line = ("--deploy-mode", "cluster", "--master", "mesos://h:7077", "--dry-run", "http://h/app.py")
    said = call(
        "submit", OPTION, "1:4", "--num-executors", "6", "--conf", "spark.shuffle.service.enabled=no", *line
    )
    assert (said.code, said.out) == (2, "")
    assert f"error: {OPTION}: allows 4 executors, but --num-executors begins with 6\n" in said.err
    assert f"error: {OPTION}: means spark.shuffle.service.enabled=true, but --conf says" in said.err


def test_what_the_dispatcher_gets(call: Call) -> None:
    """A dry run asks nobody, with or without --no-preflight, which cluster mode has as well."""
    line = ("--deploy-mode", "cluster", "--master", "mesos://h.invalid:7077", "--dry-run", "http://h/app.py")
    for more in ((), ("--no-preflight",), ("--preflight-timeout", "1")):
        said = call("submit", OPTION, "2:10", *more, *line)
        assert said.code == 0, said.err
        properties = json.loads(said.out)["sparkProperties"]
        assert {key: properties[key] for key in properties if "xecutor" in key or "shuffle" in key} == {
            "spark.dynamicAllocation.maxExecutors": "10",
            "spark.dynamicAllocation.minExecutors": "2",
            "spark.executor.cores": "1",
            "spark.executor.instances": "2",
            "spark.shuffle.service.enabled": "true",
        }


CREATED = Answer(
    200,
    b'{"action": "CreateSubmissionResponse", "serverSparkVersion": "3.5.9", "submissionId": "driver-1",'
    b' "success": true}',
    {"Content-Type": "application/json"},
)


@pytest.mark.parametrize(
    ("ready", "why"),
    [
        (b'{"status": "ready"}', "the dispatcher does not tell which Mesos master it has"),
        (
            b'{"status": "ready", "master": "embedded"}',
            "the dispatcher does not tell which Mesos master it has",
        ),
    ],
)
def test_a_dispatcher_that_does_not_tell_its_master(call: Call, ready: bytes, why: str) -> None:
    def answer(path: str) -> Answer:
        return Answer(200, ready, {"Content-Type": "application/json"}) if path == "/readyz" else CREATED

    with http_stub(answer) as stub:
        line = (
            "submit",
            "--master",
            f"mesos://{stub.address}",
            "--deploy-mode",
            "cluster",
            "http://h/app.py",
        )
        said = call(*line[:-1], OPTION, line[-1])
        assert (said.code, said.out) == (0, "driver-1\n"), said.err
        assert f"warning: Whether shuffle services run on the agents is not known: {why}\n" in said.err
        assert "verify-cluster --only services" in said.err
        said = call(*line[:-1], OPTION, "--no-preflight", line[-1])
        assert (said.code, "shuffle" in said.err) == (0, False)
        said = call(*line)  # one that does not use the service
        assert (said.code, "shuffle" in said.err) == (0, False)


def test_a_master_that_nobody_reaches(call: Call, refusing_port: int) -> None:
    ready = json.dumps({"status": "ready", "master": f"mesos://127.0.0.1:{refusing_port}"}).encode()

    def answer(path: str) -> Answer:
        return Answer(200, ready, {"Content-Type": "application/json"}) if path == "/readyz" else CREATED

    with http_stub(answer) as stub:
        line = ("--master", f"mesos://{stub.address}", "--deploy-mode", "cluster", "http://h/app.py")
        said = call("submit", OPTION, *line)
    assert (said.code, said.out) == (0, "driver-1\n"), said.err
    assert "warning: " in said.err
    assert "agents" in said.err


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port that is taken and not listened on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
