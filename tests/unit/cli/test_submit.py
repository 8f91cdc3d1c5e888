from __future__ import annotations

import json
import os
import resource
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_cli import main
from sparkmesos_cli.main import run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core import __version__
from sparkmesos_core.errors import ExitCode
from sparkmesos_core.master import HostPort
from sparkmesos_core.mesos.leader import Leader
from tests.http_stub import Answer, HttpStub, http_stub

APP = "http://repo.example/app.py"
ID = "driver-20261122072800-0001"


@dataclass
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def submit(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the command where neither Spark nor settings are, unless a test says so."""
    monkeypatch.setattr("sparkmesos_core.spark.home.importlib_util.find_spec", lambda name: None)
    monkeypatch.delenv("SPARKMESOS_MASTER", raising=False)

    def call(*arguments: str, command: str = "submit", **environment: str) -> Said:
        terminal = Terminal(environment={"HOME": str(tmp_path), "PATH": os.environ["PATH"], **environment})
        code = run([command, *arguments], terminal)
        return Said(code, *capfd.readouterr())

    return call


def message(action: str, **fields: Any) -> Answer:
    content = {"action": action, "serverSparkVersion": "3.5.9", "submissionId": ID, **fields}
    return Answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


def asked(
    answer: Answer | Callable[[str], Answer] | Mapping[str, Answer], ask: Callable[[str], Said]
) -> tuple[Said, HttpStub]:
    """What came of a command that was given the address of a stub of a dispatcher."""
    with http_stub(answer if not isinstance(answer, Answer) else lambda path: answer) as stub:
        return ask(f"mesos://{stub.address}"), stub


SPARKS_OWN = Answer(
    400,
    message(
        "ErrorResponse", message="Missing an action: please specify one of /create, /kill, or /status."
    ).body,
)
"""What Spark's dispatcher says to a question whether it is ready (recordings/spark-3.5.9-rest/server-paths)."""


class TestCreate:
    ACCEPTED = message("CreateSubmissionResponse", success=True, message="ok")

    def test_the_id_stands_alone_on_stdout(self, submit) -> None:
        line = ["--conf", "spark.cores.max=2", APP, "a b", "", "$x", "--dry-run", "é\n"]
        said, stub = asked(
            self.ACCEPTED, lambda url: submit("--master", url, "--deploy-mode", "cluster", *line)
        )
        assert (said.code, said.out) == (0, f"{ID}\n"), said.err
        (method, path, _), (asking, asked_for, _) = stub.requests
        assert (method, path) == ("POST", "/v1/submissions/create")
        assert (asking, asked_for) == ("GET", "/v1/submissions/readyz")  # whether it is Spark's own
        sent = json.loads(stub.bodies[0])
        assert sent["action"] == "CreateSubmissionRequest"
        assert (sent["appResource"], sent["appArgs"]) == (APP, line[3:])
        assert sent["sparkProperties"]["spark.cores.max"] == "2"
        assert sent["sparkProperties"]["spark.submit.deployMode"] == "cluster"

    @pytest.mark.parametrize(
        ("ready", "warned"),
        [
            (SPARKS_OWN, True),
            (message("ReadyzResponse", master="mesos://h:5050", success=True), False),
            (message("ReadyzResponse", success=True), False),
            (Answer(503, message("ErrorResponse", message="not ready").body), False),
            (Answer(404, b"elsewhere"), False),
        ],
        ids=["spark's", "ours", "ours without a master", "not ready", "something in between"],
    )
    def test_it_warns_of_sparks_own_dispatcher(self, submit, ready: Answer, warned: bool) -> None:
        said, _ = asked(
            lambda path: ready if path.endswith("/readyz") else self.ACCEPTED,
            lambda url: submit("--master", url, "--deploy-mode", "cluster", APP),
        )
        assert (said.code, said.out) == (0, f"{ID}\n"), said.err
        assert ("of Spark 3.5.9, whose drivers end at once" in said.err) is warned

    def test_a_driver_is_killed_though_the_interrupt_came_when_more_was_asked(self, submit) -> None:
        answers = {
            "create": self.ACCEPTED,
            "kill": message("KillSubmissionResponse", success=True, message="Killing running driver"),
            "status": message(
                "SubmissionStatusResponse", success=True, driverState="FINISHED", outcome="killed"
            ),
        }

        def answer(path: str) -> Answer:
            if path.endswith("/readyz"):
                os.kill(os.getpid(), signal.SIGINT)
                return SPARKS_OWN
            return answers[path.split("/")[3]]

        line = ("--deploy-mode", "cluster", "--wait", "--kill-on-interrupt", APP)
        said, stub = asked(answer, lambda url: submit("--master", url, *line))
        assert said.code == ExitCode.INTERRUPTED, said.err
        assert f"{ID} has ended: killed" in said.err
        assert ("POST", f"/v1/submissions/kill/{ID}") in [request[:2] for request in stub.requests]

    def test_the_mode_and_the_dispatcher_may_be_configured(self, submit, tmp_path: Path) -> None:
        def ask(url: str) -> Said:
            (tmp_path / "spark-defaults.conf").write_text(
                f"spark.submit.deployMode cluster\nspark.master {url}\nspark.cores.max 2\n"
            )
            return submit(APP, SPARK_CONF_DIR=str(tmp_path))

        said, _ = asked(self.ACCEPTED, ask)
        assert (said.code, said.out) == (0, f"{ID}\n"), said.err

    def test_refused(self, submit) -> None:
        refusal = message("CreateSubmissionResponse", success=False, message="Already reached maximum")
        said, _ = asked(refusal, lambda url: submit("--master", url, "--deploy-mode", "cluster", APP))
        assert (said.code, said.out) == (ExitCode.FAILED, "")
        assert "Already reached maximum" in said.err

    def test_unreachable(self, submit) -> None:
        with socket.socket() as bound:  # bound and not listened on: it refuses
            bound.bind(("127.0.0.1", 0))
            url = f"mesos://127.0.0.1:{bound.getsockname()[1]}"
            said = submit("--master", url, "--deploy-mode", "cluster", APP)
        assert (said.code, said.out) == (ExitCode.UNREACHABLE, "")

    def test_dry_run_sends_nothing(self, submit) -> None:
        secret = ["--conf", "spark.mesos.principal=p", "--conf", "spark.mesos.secret=hunter2"]
        said = submit(
            "--master", "mesos://nowhere.invalid", "--deploy-mode", "cluster", "--dry-run", *secret, APP
        )
        assert said.code == 0, said.err
        assert json.loads(said.out)["sparkProperties"]["spark.mesos.secret"] == "***"
        assert "hunter2" not in said.out + said.err

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            (["--start-timeout", "9", APP], "--start-timeout is for client mode"),
            (["--mesos-driver", "http", APP], "--mesos-driver is for client mode"),
            (["--work-dir", "x", APP], "--work-dir is for client mode"),
            (["app.py"], "agents cannot see it: app.py"),
            (["--driver-cores", "1.0", APP], "river cores"),
            ([], "No application given"),
        ],
    )
    def test_mistakes(self, submit, line: list[str], said: str) -> None:
        result = submit("--master", "mesos://nowhere.invalid", "--deploy-mode", "cluster", *line)
        assert (result.code, result.out) == (ExitCode.USAGE, "")
        assert said in result.err

    @pytest.mark.parametrize("what", [["--status", ID], ["--deploy-mode", "cluster", APP]])
    def test_a_ca_file_without_a_certificate(self, submit, tmp_path: Path, what: list[str]) -> None:
        (tmp_path / "empty.pem").touch()
        given = ["--master", "mesos://https://nowhere.invalid", "--ca-file", str(tmp_path / "empty.pem")]
        said = submit(*given, *what)
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        assert "empty.pem holds no certificate" in said.err

    def test_secrets_that_the_network_would_see(self, submit) -> None:
        secrets = (
            "spark.mesos.driver.secret.envkeys=A,B",
            "spark.mesos.driver.secret.values=hunter2,hunter3",
        )
        line = ["--deploy-mode", "cluster", "--dry-run", *(f"--conf={one}" for one in secrets), APP]
        far = submit("--master", "mesos://nowhere.invalid", *line)
        assert far.code == 0
        assert far.err.count("in clear over the network") == 1
        for near in ("mesos://localhost", "mesos://https://nowhere.invalid"):
            assert "in clear" not in submit("--master", near, *line).err
        assert "hunter" not in far.out + far.err

    def test_what_is_set_for_good_is_no_mistake(self, submit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SPARKMESOS_START_TIMEOUT", "9")
        said, _ = asked(self.ACCEPTED, lambda url: submit("--master", url, "--deploy-mode", "cluster", APP))
        assert (said.code, said.out) == (0, f"{ID}\n")

    def test_a_wrong_value_stops_it(self, submit) -> None:
        conf = ["--conf", "spark.mesos.maxDrivers=many", "--conf", "spark.mesos.constraints=zone:a:b:"]
        said = submit("--master", "mesos://nowhere.invalid", "--deploy-mode", "cluster", *conf, APP)
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        assert "spark.mesos.constraints" in said.err


class TestClientMode:
    """What comes before spark-submit takes over."""

    @pytest.fixture
    def local(self, submit, make_spark, make_java, monkeypatch: pytest.MonkeyPatch):
        for name in ("ensure_bridge", "bridge_path"):
            monkeypatch.setattr(
                f"sparkmesos_core.submit.client_mode.{name}", lambda *arguments: Path("/cache/bridge.jar")
            )
        home, java = make_spark(), make_java()
        (home / "conf").mkdir()

        def call(*line: str, defaults: str = "", **environment: str) -> Said:
            (home / "conf" / "spark-defaults.conf").write_text(defaults)
            return submit(*line, SPARK_HOME=str(home), JAVA_HOME=str(java), **environment)

        return call

    def test_warnings_are_shown_and_the_command_alone_is_on_stdout(self, local) -> None:
        said = local("--master", "embedded", "--supervise", "--dry-run", "--executor-cores", "2", APP, "a b")
        assert said.code == 0, said.err
        command = shlex.split(said.out)
        assert command[-4:] == ["--driver-class-path", "/cache/bridge.jar", APP, "a b"]
        assert "spark.executor.cores=2" in command
        assert "warning: --supervise: " in said.err

    def test_an_error_names_its_line_and_stops_it(self, local, tmp_path: Path) -> None:
        said = local("--master", "embedded", "--dry-run", APP, defaults="# ours\nspark.mesos.coarse maybe\n")
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        assert f"error: {tmp_path}/spark/conf/spark-defaults.conf:2: " in said.err

    def test_libmesos_that_is_missing_does_not_matter_to_the_bridge(self, local) -> None:
        gone = {"MESOS_NATIVE_JAVA_LIBRARY": "/nonexistent/libmesos.so"}
        assert local("--master", "embedded", "--dry-run", APP, **gone).code == 0

    @pytest.mark.parametrize(
        ("master", "url"),
        [
            ("mesos://nowhere.invalid,h2", "mesos://nowhere.invalid:5050,h2:5050"),
            ("zk://z/m", "mesos://zk://z:2181/m"),
        ],
    )
    def test_a_dry_run_neither_connects_nor_compiles(
        self, local, tmp_path: Path, master: str, url: str
    ) -> None:
        said = local("--master", master, "--dry-run", "--mesos-driver", "http", APP)
        assert said.code == 0, said.err
        command = shlex.split(said.out)
        assert command[-5:] == ["--master", url, "--driver-class-path", "/cache/bridge.jar", APP]
        assert "The bridge /cache/bridge.jar has yet to be compiled" in said.err
        assert not (tmp_path / ".cache").exists()

    def test_verbose_is_answered_here_and_not_handed_on(self, local) -> None:
        line = ["-v", "--conf", "spark.x.uri=mongodb://u:mpw@h/db", "--name", "-v", "--verbose"]
        said = local("--master", "embedded", "--dry-run", *line, APP, "--verbose")
        assert said.code == 0, said.err
        assert "Properties, each with where it is set:" in said.err
        command = shlex.split(said.out)
        assert command[command.index("--name") + 1] == "-v"
        assert (command.count("-v"), command.count("--verbose"), command[-1]) == (1, 1, "--verbose")
        assert "mpw" not in said.out + said.err

    def test_all_that_is_wrong_is_said_at_once(self, local, tmp_path: Path) -> None:
        defaults = "spark.submit.deployMode here\nspark.executor.memory much\nspark.mesos.coarse maybe\n"
        said = local(
            "--master",
            "embedded",
            "--total-executor-cores",
            "two",
            "--files",
            "nope.txt",
            "nope.py",
            defaults=defaults,
        )
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 6
        for wrong in ("deployMode", "executor.memory", "spark.cores.max", "coarse", "nope.txt", "nope.py"):
            assert sum(wrong in line for line in errors) == 1

    def test_missing_files_stop_it_and_missing_jars_do_not(self, local, monkeypatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        Path("there.txt").touch()
        files = "there.txt,nope.txt#name,file:/nope/b.txt,http://h/x.txt,hdfs:/x,lo*al/?.txt"
        said = local(
            "--master", "embedded", "--jars", "nope.jar", "--files", files, "--py-files", "nope.py", APP
        )
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        assert [line for line in said.err.splitlines() if not line.startswith("hint")][:4] == [
            "error: --files: The file nope.txt#name does not exist",
            "error: --files: The file file:/nope/b.txt does not exist",
            "error: --py-files: The file nope.py does not exist",
            "warning: --jars: The file nope.jar does not exist: Spark would go on without it",
        ]

    def test_an_option_in_the_place_of_a_master(self, local) -> None:
        said = local("--master", "--total-executor-cores", "1", APP)
        assert said.code == ExitCode.USAGE
        assert "'--total-executor-cores' looks like an option" in said.err
        assert "mesos://--total" not in said.err

    def test_a_secret_is_not_shown(self, local) -> None:
        said = local("--master", "embedded", "--dry-run", "--conf", "spark.x.password=hunter2", APP)
        assert said.code == 0
        assert "hunter2" not in said.out + said.err
        assert "does not run as it stands" in said.err

    def test_the_driver_has_the_umask_and_the_limits_of_spark_env(
        self, local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = []

        def execve(*_: object) -> None:
            umask = os.umask(0)
            os.umask(umask)
            seen.append((umask, resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
            raise OSError(2, "No such file or directory")

        monkeypatch.setattr("os.execve", execve)
        monkeypatch.setattr("signal.signal", lambda *_: None)  # pytest's own shall stay
        leader = Leader(HostPort("h", 5050))
        monkeypatch.setattr("sparkmesos_core.submit.client_mode.find_leader", lambda _: leader)
        (tmp_path / "spark" / "conf" / "spark-env.sh").write_text("umask 0013; ulimit -S -n 300")
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        umask = os.umask(0o022)
        try:
            said = local("--master", "mesos://h:5050", "--no-preflight", APP)
        finally:
            os.umask(umask)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert (said.code, seen) == (ExitCode.FAILED, [(0o013, 300)])
        assert "spark-submit cannot be started" in said.err

    def test_the_work_dir_of_another_cluster(self, local) -> None:
        said = local("--master", "mesos://nowhere.invalid", "--work-dir", "x", APP)
        assert (said.code, "--work-dir is for an embedded master only" in said.err) == (2, True)


class TestStatus:
    @pytest.mark.parametrize(
        ("state", "task", "word", "code"),
        [
            ("RUNNING", "TASK_RUNNING", "running", 0),
            ("FINISHED", "TASK_FINISHED", "succeeded", 0),
            ("FINISHED", "TASK_FAILED", "failed", 3),
            ("FINISHED", "TASK_KILLED", "killed", 4),
        ],
    )
    def test_the_outcome_is_a_word_and_an_exit_code(
        self, submit, state: str, task: str, word: str, code: int
    ) -> None:
        text = f'task_id {{\n  value: "{ID}"\n}}\nstate: {task}\nmessage: "Command said so"\n'
        answer = message("SubmissionStatusResponse", success=True, driverState=state, message=text)
        said, stub = asked(answer, lambda url: submit("--master", url, "--status", ID))
        assert (said.code, said.out) == (code, f"{word}\n")
        assert f"{ID}: {task}, Command said so" in said.err
        assert stub.requests[0][:2] == ("GET", f"/v1/submissions/status/{ID}")

    def test_not_found(self, submit) -> None:
        answer = message("SubmissionStatusResponse", success=False, driverState="NOT_FOUND")
        said, _ = asked(answer, lambda url: submit("--status", ID, "--master", url))
        assert (said.code, said.out) == (1, "not found\n")

    def test_dry_run_asks_nothing(self, submit) -> None:
        for option, said in (("--status", "status"), ("--kill", "kill")):
            result = submit(option, ID, "--master", "mesos://nowhere.invalid", "--dry-run")
            assert (result.code, result.out) == (0, f"{said} {ID} at mesos://nowhere.invalid:7077\n")

    def test_without_a_dispatcher(self, submit) -> None:
        said = submit("--status", ID)
        assert (said.code, said.out) == (ExitCode.USAGE, "")
        assert "No dispatcher given" in said.err


class TestKill:
    def test_killed(self, submit) -> None:
        answer = message("KillSubmissionResponse", success=True, message="Killing running driver")
        said, stub = asked(answer, lambda url: submit("--master", url, "--kill", ID))
        assert (said.code, said.out) == (0, "")
        assert "Killing running driver" in said.err
        assert stub.requests[0][:2] == ("POST", f"/v1/submissions/kill/{ID}")

    def test_not_killed(self, submit) -> None:
        answer = message("KillSubmissionResponse", success=False, message="Cannot find driver")
        said, _ = asked(answer, lambda url: submit("--master", url, "--kill", ID))
        assert (said.code, said.out) == (1, "")
        assert f"{ID} was not killed: Cannot find driver" in said.err


class TestVersion:
    def test_of_both(self, submit, make_spark) -> None:
        home = make_spark("3.4.4", "2.13")
        said = submit("--version", SPARK_HOME=str(home))
        assert said.code == 0
        assert (
            said.out
            == f"sparkmesos {__version__}\nSpark version 3.4.4, Scala version 2.13 ({home}, SPARK_HOME)\n"
        )

    def test_without_spark(self, submit) -> None:
        said = submit("--version")
        assert (said.code, said.out) == (0, f"sparkmesos {__version__}\n")
        assert "No Spark found" in said.err

    def test_of_a_spark_that_is_none(self, submit) -> None:
        assert submit("--version", "--spark-home", "/nonexistent").code == ExitCode.FAILED


def test_help_shows_the_options_of_both(submit) -> None:
    for line in (["--help"], ["--conf", "a=b", "-h", "app.py"]):
        said = submit(*line)
        assert said.code == 0
        assert said.out.startswith("Usage: sparkmesos submit [OPTIONS] SPARK-SUBMIT-ARGUMENTS…")
        assert "--mesos-driver" in said.out
        assert "-c, --conf KEY=VALUE" in said.out
        assert said.out.count("--master URL") == 1
        assert "--usage-error" not in said.out


def test_verbose_tells_what_is_set_where(submit, make_spark, tmp_path: Path) -> None:
    home = make_spark()
    (home / "conf").mkdir()
    defaults = home / "conf" / "spark-defaults.conf"
    defaults.write_text("# ours\nspark.mesos.secret hunter2\nspark.mesos.principal me\nspark.cores.max 4\n")
    line = ["--verbose", "--conf", "spark.cores.max=2", "--name", "a b", APP, "--password", "hunter2"]
    said = submit(
        "--master", "mesos://h", "--deploy-mode", "cluster", "--dry-run", *line, SPARK_HOME=str(home)
    )
    assert said.code == 0, said.err
    assert f"Properties file: {defaults}" in said.err
    assert "  spark.cores.max=2  (--conf)" in said.err
    assert f"  spark.mesos.principal=me  ({defaults}:3)" in said.err
    assert f"  spark.mesos.secret=***  ({defaults}:2)" in said.err
    assert "\n  --verbose\n  --conf spark.cores.max=2\n  --name a b\n" in said.err
    assert f"  application: {APP}" in said.err
    assert "hunter2" not in said.err + said.out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([APP], "No Spark found"),
        (["--dryrun", APP], "No such option --dryrun. Did you mean --dry-run?"),
        (["--driver-memry", "1g", APP], "Did you mean --driver-memory?"),
        (["--conf"], "--conf needs a value"),
        (["--deploy-mode", "cloud", APP], "'cloud' is not a deploy mode"),
        (["--conf", "spark.submit.deployMode=cloud", APP], "'cloud' is not one of client, cluster"),
        (["--name", "x"], "No application given"),
        (["--kill", ID, "--status", ID], "--kill and --status"),
    ],
)
def test_mistakes(submit, line: list[str], said: str) -> None:
    result = submit("--master", "mesos://h", *line)
    assert result.code in (ExitCode.USAGE, ExitCode.FAILED)
    assert result.out == ""
    assert said in result.err


def test_the_master_of_a_variable_gives_way_to_the_command_line(
    submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKMESOS_MASTER", "spark://of-the-variable")
    variable = {"SPARKMESOS_MASTER": "spark://of-the-variable"}
    assert "'spark://of-the-variable'" in submit("--status", ID, **variable).err
    assert "'spark://typed'" in submit("--status", ID, "--master", "spark://typed", **variable).err
    assert "'spark://conf'" in submit("--conf", "spark.master=spark://conf", "--status", ID, **variable).err


def test_the_drop_in_is_submit(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["sparkmesos-submit", "--version"])
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(SystemExit) as caught:
            main.submit_main()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert caught.value.code == 0
    assert capfd.readouterr().out.startswith(f"sparkmesos {__version__}\n")


def test_the_help_of_the_drop_in_names_it(submit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/sparkmesos-submit", "--help"])
    assert submit("--help").out.startswith("Usage: sparkmesos-submit [OPTIONS] SPARK-SUBMIT-ARGUMENTS…")
