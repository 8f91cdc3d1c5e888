from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sparkmesos_cli import main
from sparkmesos_cli.main import COMMANDS, cli, run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core import __version__
from sparkmesos_core.errors import ExitCode, SparkMesosError, UnreachableError


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """Makes a command that raises what it is told to."""

    def make(error: BaseException) -> None:
        @click.command("fail")
        def command() -> None:
            raise error

        monkeypatch.setitem(main.COMMANDS, "fail", ("fail", "Fails."))
        monkeypatch.setattr(main.LazyGroup, "get_command", lambda self, ctx, name: command)

    return make


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_with_the_summary_of_the_table(name: str) -> None:
    module, summary = COMMANDS[name]
    command = importlib.import_module(f"sparkmesos_cli.{module}").command
    assert command.name == name
    assert command.get_short_help_str(limit=200) == summary
    context = click.Context(command, info_name=name)
    assert name in command.get_help(context)


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out, err = capsys.readouterr()
    assert all(name in out for name in COMMANDS)
    assert err == ""


def modules_of(*arguments: str) -> set[str]:
    """The modules that a command line loads."""
    program = (
        "import sys; from sparkmesos_cli.main import run\n"
        "run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, *arguments]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stderr.split())


def test_help_imports_nothing_heavy() -> None:
    heavy = {
        "requests",
        "rich",
        "kazoo",
        "starlette",
        "uvicorn",
        "jinja2",
        "pymesos",
        "boto3",
        "psutil",
        "asyncio",
    }
    assert not modules_of("--help") & heavy


@pytest.mark.parametrize("command", ["status", "kill"])
def test_questions_load_nothing_that_would_log(command: str, tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        url = f"mesos://127.0.0.1:{bound.getsockname()[1]}"
        loaded = modules_of(command, "--dispatcher", url, "driver-1")
    assert "sparkmesos_core.dispatcher.http_exchange" in loaded
    assert not loaded & {"logging", "encodings.idna", "http.client"}


@pytest.mark.parametrize("asked", [True, False])
def test_submissions_load_the_preflight_only_where_they_have_one(asked: bool) -> None:
    """Without dynamic allocation `submit --deploy-mode cluster` is as quick as it was without that option."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        url = f"mesos://127.0.0.1:{bound.getsockname()[1]}"
        options = ["--dynamic-allocation", "1:2"] if asked else []
        loaded = modules_of(
            "submit", "--master", url, "--deploy-mode", "cluster", *options, "http://h/app.py"
        )
    assert "sparkmesos_core.dispatcher.http_exchange" in loaded
    of_it = {"sparkmesos_core.preflight.preflight", "sparkmesos_core.submit.dynamic_allocation"}
    assert loaded & of_it == (of_it if asked else set())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"sparkmesos {__version__}\n"


def test_no_command_shows_help_as_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Usage: sparkmesos")


def test_a_mistyped_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sumbit"]) == ExitCode.USAGE
    assert (
        capsys.readouterr().err.splitlines()[0] == "error: No such command 'sumbit'. Did you mean 'submit'?"
    )


def test_an_unknown_option_says_where_help_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stop-local-cluster", "--nope"]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert "--nope" in err
    assert "`sparkmesos stop-local-cluster --help`" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SparkMesosError("broken", hint="mend it"), 1),
        (UnreachableError("broken", hint="mend it"), 5),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_become_text_and_exit_code(failing, capsys, error: BaseException, code: int) -> None:
    failing(error)
    assert run(["fail"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    if code != ExitCode.INTERRUPTED:
        assert err == "error: broken\nhint: mend it\n"
    assert "Traceback" not in err


def test_quiet_still_says_errors(failing, capsys: pytest.CaptureFixture[str]) -> None:
    failing(SparkMesosError("broken"))
    assert run(["-q", "fail"]) == 1
    assert capsys.readouterr().err == "error: broken\n"


def test_a_bug_is_not_hidden(failing) -> None:
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run(["fail"])


def test_an_error_of_the_system_that_should_have_been_handled_is_not_hidden(failing) -> None:
    failing(PermissionError(13, "Permission denied"))
    with pytest.raises(PermissionError):
        run(["fail"])


def in_a_shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "SPARKMESOS": f"{sys.executable} -m sparkmesos_cli",
    }  # fmt: skip
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("$SPARKMESOS config list >/dev/full", 1, "cannot be written to stdout: No space left on device"),
        ("$SPARKMESOS config list --output json >/dev/full", 1, "No space left on device"),
        ("$SPARKMESOS --help >/dev/full", 1, "cannot be written: No space left on device"),
        ("$SPARKMESOS config list >&-", 1, "cannot be written to stdout: it is closed"),
        (
            "mkdir x; cd x; rmdir ../x; SPARKMESOS_CONFIG=y $SPARKMESOS config list",
            2,
            "current folder does not exist",
        ),
    ],
)
def test_streams_and_folders_that_cannot_be_used(line: str, code: int, said: str, tmp_path: Path) -> None:
    ran = in_a_shell(line, tmp_path)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_reader_that_has_seen_enough_is_no_mistake(tmp_path: Path) -> None:
    many = "for i in $(seq 20000); do echo spark.x.property$i $i; done >x.conf; "
    ran = in_a_shell(
        many + "$SPARKMESOS -q config show --properties-file x.conf | head -n 1; echo ${PIPESTATUS[0]}",
        tmp_path,
    )
    assert ran.stdout.splitlines()[1:] == ["141"]
    assert ran.stderr == ""


def test_without_a_stderr_talk_is_not_among_the_data(tmp_path: Path) -> None:
    assert in_a_shell("$SPARKMESOS config list --filter xyzzy 2>&-", tmp_path).stdout == ""
    wrong = in_a_shell("$SPARKMESOS config list --nope 2>&-", tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_sigterm_and_the_end_of_the_terminal_are_ctrl_c(name: str) -> None:
    program = (
        "import os, signal, sparkmesos_cli.main as m\n"
        f"signal.signal(signal.{name}, signal.SIG_DFL)\n"  # tests may be run with nohup
        "def run(arguments, terminal):\n"
        "    try:\n"
        f"        os.kill(os.getpid(), signal.{name})\n"
        "        signal.pause()\n"
        "    except KeyboardInterrupt:\n"
        "        return 130\n"
        "m.run = run\n"
        "m.main()\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=30).returncode == 130


def test_ctrl_c_while_python_loads_the_commands_leaves_no_traceback() -> None:
    program = (
        "import os, signal, sys\n"
        "class Pressing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'click':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Pressing())\n"
        "import sparkmesos_cli.main\n"
    )
    pressed = subprocess.run([sys.executable, "-c", program], check=False, timeout=30, capture_output=True)
    assert (pressed.returncode, pressed.stdout, pressed.stderr) == (130, b"", b"")


@pytest.mark.parametrize("before", ["signal.default_int_handler", "signal.SIG_IGN"])
def test_ctrl_c_is_as_it_was_for_who_only_imports_the_commands(before: str) -> None:
    program = (
        "import signal\n"
        f"signal.signal(signal.SIGINT, {before})\n"
        "import sparkmesos_cli.main\n"
        f"assert signal.getsignal(signal.SIGINT) is {before}\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_ctrl_c_while_a_class_is_made_is_one_too(failing, capsys: pytest.CaptureFixture[str]) -> None:
    wrapped = RuntimeError("Error calling __set_name__ on 'Field' instance")
    wrapped.__cause__ = KeyboardInterrupt()
    failing(wrapped)
    assert run(["fail"]) == 130
    assert capsys.readouterr() == ("", "")
    failing(RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        run(["fail"])


def test_ctrl_c_between_loading_and_the_command_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_occupy_standard_descriptors", interrupted)
    monkeypatch.setattr(main, "gc", types.SimpleNamespace(freeze=lambda: None, set_threshold=lambda _: None))
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 130


def test_the_log_has_no_details_of_libraries_that_speak_http() -> None:
    """They tell all of a URL, and so a signature in it."""
    program = (
        "import logging, cli.main as m\n"
        "from cli.terminal import Terminal\n"
        "m._configure_log(Terminal(verbosity=2))\n"
        "for name in ('urllib3.connectionpool', 'botocore.endpoint', 'sparkmesos_core.mesos'):\n"
        "    logging.getLogger(name).debug('from %s', name)\n"
    )
    log = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=30, capture_output=True, text=True
    )
    assert log.stderr == "DEBUG sparkmesos_core.mesos: from sparkmesos_core.mesos\n"


def test_nohup_stays_in_force() -> None:
    program = (
        "import signal, sparkmesos_cli.main as m\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "def run(arguments, terminal):\n"
        "    return 7 if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else 1\n"
        "m.run = run\n"
        "m.main()\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=30).returncode == 7


class TestTerminal:
    def test_data_and_talk_are_apart(self, capsys: pytest.CaptureFixture[str]) -> None:
        terminal = Terminal()
        terminal.data("data")
        terminal.say("talk")
        terminal.warn("careful")
        assert capsys.readouterr() == ("data\n", "talk\nwarning: careful\n")

    def test_quiet(self, capsys: pytest.CaptureFixture[str]) -> None:
        terminal = Terminal(verbosity=-1)
        terminal.data("data")
        terminal.say("talk")
        terminal.warn("careful")
        assert capsys.readouterr() == ("data\n", "")

    def test_json_is_an_envelope(self, capsys: pytest.CaptureFixture[str]) -> None:
        Terminal().json("agents", [{"name": "ä"}])
        assert json.loads(capsys.readouterr().out) == {"version": 1, "agents": [{"name": "ä"}]}

    def test_a_table_in_a_pipe_is_plain(self, capsys: pytest.CaptureFixture[str]) -> None:
        Terminal().table(("a", "b"), [("1", "2"), ("3", "[bold]4")])
        assert capsys.readouterr().out == "1\t2\n3\t[bold]4\n"

    @pytest.mark.parametrize(
        ("environment", "coloured"),
        [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
    )
    def test_colours_on_a_terminal_unless_told_otherwise(
        self, monkeypatch: pytest.MonkeyPatch, capsys, environment: dict[str, str], coloured: bool
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert ("\x1b[" in Terminal(environment=environment).style("x", bold=True)) is coloured

    def test_a_table_on_a_terminal_has_a_heading_and_shows_markup_as_it_is(self) -> None:
        program = (
            "from sparkmesos_cli.terminal import Terminal\n"
            "Terminal().table(('task', 'state'), [('[red]x', 'TASK_RUNNING')])\n"
        )
        controller, terminal = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=terminal,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "80"},
        )
        os.close(terminal)
        with os.fdopen(controller, "rb") as shown:
            lines = [shown.readline().decode().rstrip() for _ in range(2)]
            assert process.wait(30) == 0
        assert "task" in lines[0]
        assert "[red]x" in lines[1]


def test_completion_of_an_application_is_left_to_the_shell() -> None:
    from click.shell_completion import BashComplete

    completion = BashComplete(cli, {}, "sparkmesos", "_SPARKMESOS_COMPLETE")
    for typed in (
        ["submit", "--master", "embedded"],
        ["submit", "--properties-file"],
        ["submit", "--name", "x"],
    ):
        assert [item.type for item in completion.get_completions(typed, "sq")] == ["file"]


def test_completion_of_sparks_options() -> None:
    from click.shell_completion import BashComplete

    completion = BashComplete(cli, {}, "sparkmesos", "_SPARKMESOS_COMPLETE")

    def completed(typed: list[str], incomplete: str) -> list[str]:
        return [item.value for item in completion.get_completions(["submit", *typed], incomplete)]

    assert completed(["--name", "x"], "--dr") == [
        "--dry-run",
        "--driver-memory",
        "--driver-java-options",
        "--driver-library-path",
        "--driver-class-path",
        "--driver-cores",
    ]
    assert completed([], "--mas") == ["--master"]
    assert completed(["--conf", "a=b", "--deploy-mode"], "c") == ["client", "cluster"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_SPARKMESOS_COMPLETE" in capsys.readouterr().out


def test_completion_completes_commands_and_options() -> None:
    from click.shell_completion import BashComplete

    completion = BashComplete(cli, {}, "sparkmesos", "_SPARKMESOS_COMPLETE")
    assert [item.value for item in completion.get_completions([], "st")] == [
        name for name in COMMANDS if name.startswith("st")
    ]
    assert "--mesos-driver" in [item.value for item in completion.get_completions(["submit"], "--m")]


# What one call writes is named in that call; how much to say is said in front of the command.
NOT_VARIABLES = {
    "submit --work-dir",
    "shell --work-dir",
    *(f"{command} --timeout" for command in ("submit", "explain", "show", "check", "status")),
    "status --wait",
    "list --state",
    "list --limit",
    "logs --follow",
    "logs --stderr",
    "logs --lines",
    "logs --executor",
    "explain --work-dir",
    "show --work-dir",
    "check --work-dir",
    "build --output",
    "archive --output",
    "check --for",
    "check --host",
    "check --port",
    "check --webui-port",
    "check --zk",
    "init --conf-dir",
    "init --replace",
    "init --yes",
    *(
        f"verify-cluster --{option}"
        for option in (
            *("list", "only", "skip", "probe", "probe-agents", "probe-spark"),
            *("watch", "wait-for-agents", "timeout", "work-dir"),
        )
    ),
    "start-dispatcher --conf",
    "start-dispatcher --foreground",
    *(
        f"start-shuffle-service --{option}"
        for option in ("conf", "foreground", "status", "on-mesos", "stop", "at", "wait")
    ),
    "stop-shuffle-service --on-mesos",
    *(
        f"{command} --{option}"
        for command in ("start-dispatcher", "start-shuffle-service")
        for option in (
            *("systemd", "marathon", "marathon-id", "marathon-host", "marathon-secret", "instances"),
        )
    ),
    "upload-dist --check-only",
    "upload-dist --force",
    "upload-dist --replace",
    "upload-dist --work-dir",
    "upload-dist --write-conf",
    "upload-dist --yes",
}
# Some say in the names of their variables whose they are, but for what other commands have, too.
PREFIXES = {
    "upload-dist": "UPLOAD_",
    "serve-dist": "SERVE_",
    "start-dispatcher": "DISPATCHER_",
    "stop-dispatcher": "DISPATCHER_",
    "start-shuffle-service": "SHUFFLE_SERVICE_",
    "stop-shuffle-service": "SHUFFLE_SERVICE_",
}
SHARED = {"--ca-file", "--dry-run", "--marathon-url", "--master", "--output", "--spark-home"}


def commands_below(group: click.Group) -> Iterator[click.Command]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from commands_below(command)


def test_options_can_be_variables() -> None:
    for command in commands_below(cli):
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                longest = max(parameter.opts, key=len)
                prefix = "" if longest in SHARED else PREFIXES.get(command.name or "", "")
                expected = f"SPARKMESOS_{prefix}" + longest[2:].upper().replace("-", "_")
                assert parameter.envvar == (
                    None if f"{command.name} {longest}" in NOT_VARIABLES else expected
                )


@pytest.mark.parametrize(
    ("name", "value", "command", "problem"),
    [
        ("OUTPUT", "foo", "config list", "'foo' is not one of 'table', 'json'"),
        ("START_TIMEOUT", "soon", "submit app.py", "'soon' is not a number"),
        ("START_TIMEOUT", "0", "submit app.py", "0.0 is not above 0"),
        ("START_TIMEOUT", "nan", "submit app.py", "nan is not a number of seconds"),
        # The longest that sockets and threads wait.
        ("PREFLIGHT_TIMEOUT", "1e99", "submit app.py", "1e+99 is not above 0 and at most 1000000"),
        ("PREFLIGHT_TIMEOUT", "inf", "submit app.py", "inf is not a number of seconds"),
        ("AGENTS", "1.5", "start-local-cluster", "'1.5' is not a whole number"),
        ("AGENTS", "101", "start-local-cluster", "101 is not at least 1 and at most 100"),
        ("STRICT", "maybe", "config check", "'maybe' is neither true nor false"),
        ("CA_FILE", "/no/such", "submit app.py", "File '/no/such' does not exist"),
    ],
)
def test_a_mistake_in_a_variable_names_it(
    name: str, value: str, command: str, problem: str, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setenv(f"SPARKMESOS_{name}", value)
    assert run(command.split()) == ExitCode.USAGE
    option = "--" + name.lower().replace("_", "-")
    assert capsys.readouterr().err == (
        f"error: SPARKMESOS_{name}: {problem}\nhint: Correct it, or unset it. It stands for {option}.\n"
    )


def test_a_spark_that_a_variable_names_has_to_be_there(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("SPARKMESOS_SPARK_HOME", "/no/such")
    assert run(["config", "show"]) == ExitCode.FAILED
    assert "error: /no/such (SPARKMESOS_SPARK_HOME) does not exist" in capsys.readouterr().err
    assert run(["config", "show", "--spark-home", "/no/other"]) == ExitCode.FAILED
    assert "error: /no/other (--spark-home) does not exist" in capsys.readouterr().err


def test_a_mistake_on_the_command_line_names_the_option(capsys) -> None:
    assert run(["submit", "--start-timeout", "soon", "app.py"]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert "error: Invalid value for '--start-timeout': 'soon' is not a number\n" in err
    assert "`sparkmesos submit --help`" in err


def test_completion_of_a_mistyped_command_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    from click.shell_completion import BashComplete

    assert (
        BashComplete(cli, {}, "sparkmesos", "_SPARKMESOS_COMPLETE").get_completions(["sumbit"], "--m") == []
    )
    assert capsys.readouterr() == ("", "")


def test_the_console_script_exits_with_the_code_of_the_command() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "sparkmesos_cli", "nope"], capture_output=True, text=True, check=False
    )
    assert process.returncode == ExitCode.USAGE
    assert process.stderr.startswith("error: No such command")
