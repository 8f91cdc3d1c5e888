"""What `--systemd` and `--marathon` print, post and refuse; that it runs is an integration test."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_cli.main import run
from sparkmesos_cli.terminal import Terminal
from tests.contract.marathon.rules import violations
from tests.http_stub import Answer, http_stub
from tests.servers.marathon import Marathon, marathon
from tests.unit.conftest import JavaMaker, SparkMaker
from tests.unit.deployment.unit_reader import command, values, words

SLAVES = {
    "slaves": [
        {
            "id": f"S{number}",
            "hostname": f"a{number}",
            "pid": f"slave(1)@10.0.0.{number}:5051",
            "resources": {"cpus": 8, "mem": 4096, "ports": "[7000-8100]"},
            "attributes": {"rack": f"r{number}"},
        }
        for number in (1, 2, 3)
    ]
}


@pytest.fixture
def environment(tmp_path: Path, make_spark: SparkMaker, make_java: JavaMaker) -> dict[str, str]:
    spark = make_spark()
    (spark / "bin" / "spark-class").touch(mode=0o755)
    (tmp_path / "conf").mkdir()
    return {
        "SPARKMESOS_STATE_DIR": str(tmp_path / "state"),
        "SPARK_CONF_DIR": str(tmp_path / "conf"),
        "SPARK_HOME": str(spark),
        "JAVA_HOME": str(make_java()),
        "SPARK_USER": "spark",
        "PATH": "/usr/bin:/bin",
    }


@pytest.fixture
def master():
    """The URL of a master that tells of three agents."""
    answers = {
        "/roles": Answer(200, b'{"roles": []}', {"Content-Type": "application/json"}),
        "/version": Answer(200, b'{"version": "1.12.0"}', {"Content-Type": "application/json"}),
        "/slaves": Answer(200, json.dumps(SLAVES).encode(), {"Content-Type": "application/json"}),
        "/flags": Answer(200, b'{"flags": {}}', {"Content-Type": "application/json"}),
    }
    with http_stub(answers) as stub:
        yield f"mesos://{stub.address}"


class Ran:
    def __init__(
        self, capsys: pytest.CaptureFixture[str], environment: dict[str, str], *arguments: str
    ) -> None:
        self.code = run([*arguments], Terminal(environment=environment))
        self.out, self.err = capsys.readouterr()

    @property
    def app(self) -> dict[str, Any]:
        assert self.code == 0, self.err
        app: dict[str, Any] = json.loads(self.out)
        assert violations(app) == []
        return app


def test_a_unit_of_the_dispatcher(
    environment, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.conf").write_text("spark.mesos.maxDrivers 7\n")
    given = ("--name", "50% of $mine", "--conf", 'spark.mesos.dispatcher.queue.a "b"=3', "--instance", "2")
    ran = Ran(
        capsys, environment, "start-dispatcher", "--systemd", "--master", "mesos://m:5050", *given,
        "--properties-file", "own.conf",
    )  # fmt: skip
    assert ran.code == 0
    (line,) = values(ran.out, "ExecStart")
    program, *arguments = command(line)
    assert Path(program).is_absolute()
    start = arguments.index("start-dispatcher")
    assert arguments[start:] == [
        *("start-dispatcher", "--foreground", "--master", "mesos://m:5050", "--name", "50% of $mine"),
        *("--conf", 'spark.mesos.dispatcher.queue.a "b"=3'),
        *("--properties-file", str(tmp_path / "own.conf"), "--instance", "2"),
    ]
    variables = [word for one in values(ran.out, "Environment") for word in words(one)]
    assert f"SPARK_CONF_DIR={tmp_path}/conf" in variables
    assert "SPARK_USER=spark" in variables
    assert "sparkmesos-dispatcher-2.service" in ran.err


def test_what_variables_said_is_in_the_unit(environment, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKMESOS_MASTER", "mesos://m:5050")
    monkeypatch.setenv("SPARKMESOS_DISPATCHER_PORT", "7177")
    ran = Ran(capsys, environment, "start-dispatcher", "--systemd")
    arguments = command(values(ran.out, "ExecStart")[0])
    assert arguments[-4:] == ["--master", "mesos://m:5050", "--port", "7177"]


def test_paths_of_variables_are_absolute(
    environment, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {**environment, "SPARK_CONF_DIR": "conf", "REQUESTS_CA_BUNDLE": "ca.pem"}
    ran = Ran(capsys, given, "start-dispatcher", "--systemd", "--master", "mesos://m:5050")
    variables = [word for one in values(ran.out, "Environment") for word in words(one)]
    # A unit runs in the root folder.
    assert {f"SPARK_CONF_DIR={tmp_path}/conf", f"REQUESTS_CA_BUNDLE={tmp_path}/ca.pem"} <= {*variables}


def test_who_could_use_the_dispatcher_is_said_before_it_runs(environment, capsys) -> None:
    ran = Ran(
        capsys,
        environment,
        "start-dispatcher",
        "--systemd",
        "--master",
        "mesos://m:5050",
        "--host",
        "0.0.0.0",
    )
    host = socket.gethostname()
    assert f"everybody who can reach {host} can run commands on the cluster as spark" in ran.err


@pytest.mark.parametrize(
    ("command", "harm"),
    [
        (("start-dispatcher",), "can run commands on the cluster as spark"),
        (("start-shuffle-service", "--on-mesos"), "can end all services"),
    ],
)
def test_who_is_meant_by_all_addresses(
    command: tuple[str, ...], harm: str, master: str, environment, capsys
) -> None:
    """0.0.0.0 is nobody's name."""
    everywhere = ("--master", master, "--host", "0.0.0.0", "--zk", "z:2181")
    unit = Ran(capsys, environment, *command, "--systemd", *everywhere)
    assert unit.code == 0
    assert f"everybody who can reach {socket.gethostname()} {harm}" in unit.err
    app = Ran(capsys, environment, *command, "--marathon", *everywhere)
    assert app.code == 0
    assert f"everybody who can reach the agent that runs it {harm}" in app.err


@pytest.mark.parametrize(("memory", "warned"), [("9000g", True), ("128m", False), ("", False)])
def test_a_heap_larger_than_the_machine_is_warned_of(memory: str, warned: bool, environment, capsys) -> None:
    given = {**environment, "SPARK_DAEMON_MEMORY": memory}
    ran = Ran(capsys, given, "start-shuffle-service", "--systemd")
    assert ran.code == 0
    assert (
        "warning: SPARK_DAEMON_MEMORY allows a heap of 9216000 MiB, and this machine has" in ran.err
    ) is warned


def test_a_heap_that_is_no_size_is_named_once(environment, capsys) -> None:
    ran = Ran(capsys, {**environment, "SPARK_DAEMON_MEMORY": "1x"}, "start-shuffle-service", "--systemd")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: SPARK_DAEMON_MEMORY is '1x', which becomes a -Xmx")


def test_secrets_are_not_in_the_unit(environment, capsys) -> None:
    ran = Ran(
        capsys, environment, "start-dispatcher", "--systemd", "--master", "mesos://m:5050",
        "--zk", "ops:hunter2@z1:2181",
    )  # fmt: skip
    assert ran.code == 0
    assert "hunter2" not in ran.out + ran.err
    assert values(ran.out, "EnvironmentFile") == ["/etc/sparkmesos/sparkmesos-dispatcher.env"]
    assert "--zk holds a secret" in ran.err
    assert "Write SPARKMESOS_DISPATCHER_ZK=… into /etc/sparkmesos/sparkmesos-dispatcher.env" in ran.err


def test_what_holds_a_secret_is_named_as_it_was_given(
    environment, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKMESOS_SHUFFLE_SERVICE_ZK", "ops:hunter2@z1:2181")
    framework = ("start-shuffle-service", "--on-mesos", "--master", "mesos://zk://ops:hunter2@z1:2181/mesos")
    unit = Ran(capsys, environment, *framework, "--systemd")
    assert unit.code == 0
    assert "--master holds a secret" in unit.err
    assert "SPARKMESOS_SHUFFLE_SERVICE_ZK holds a secret" in unit.err
    app = Ran(capsys, environment, *framework, "--marathon")
    assert app.code == 2
    assert app.err.startswith("error: --master holds a secret")
    assert "--marathon-secret SPARKMESOS_MASTER=NAME" in app.err
    assert "hunter2" not in unit.out + unit.err + app.out + app.err


@pytest.mark.parametrize("how", ["--systemd", "--marathon"])
def test_secret_properties_are_refused(how: str, environment, capsys) -> None:
    ran = Ran(
        capsys, environment, "start-dispatcher", how, "--master", "mesos://127.0.0.1:1", "--zk", "z:2181",
        "--conf", "spark.mesos.principal=me", "--conf", "spark.mesos.secret=hunter2",
    )  # fmt: skip
    assert ran.code == 2
    assert "--conf spark.mesos.secret holds a secret" in ran.err
    assert "hunter2" not in ran.out + ran.err


def test_a_token_that_is_gone_after_the_call(environment, capsys) -> None:
    ran = Ran(
        capsys, environment, "start-dispatcher", "--systemd", "--master", "mesos://m:5050",
        "--auth-token-file", "/dev/fd/63",
    )  # fmt: skip
    assert ran.code == 2
    assert ran.out == ""


def test_a_unit_as_json(environment, capsys) -> None:
    ran = Ran(
        capsys, environment, "start-dispatcher", "--systemd", "--master", "mesos://m:5050", "--output", "json"
    )
    unit = json.loads(ran.out)["unit"]
    assert unit["name"] == "sparkmesos-dispatcher.service"
    assert unit["text"].startswith("[Unit]\n")
    assert unit["text"].endswith("multi-user.target\n")
    assert unit["secrets"] == []


def test_a_unit_of_the_service(environment, capsys, tmp_path: Path) -> None:
    (tmp_path / "conf" / "spark-defaults.conf").write_text("spark.local.dir /usr/spark/tmp\n")
    ran = Ran(
        capsys, environment, "start-shuffle-service", "--systemd", "--conf", "spark.shuffle.service.port=7400"
    )
    assert ran.code == 0, ran.err
    arguments = command(values(ran.out, "ExecStart")[0])
    assert arguments[-4:] == [
        "start-shuffle-service", "--foreground", "--conf", "spark.shuffle.service.port=7400"
    ]  # fmt: skip
    # It deletes what executors leave.
    assert values(ran.out, "User") == ["spark"]
    assert values(ran.out, "ReadWritePaths") == ["-/usr/spark/tmp"]
    assert f"JAVA_HOME={tmp_path}/java" in values(ran.out, "Environment")
    assert values(ran.out, "Restart") == ["always"]
    # It is another user, who may see less than this one.
    program = command(values(ran.out, "ExecStart")[0])[0]
    assert f"It runs as spark, who has to be able to read {program}" in ran.err


def test_no_unit_begins_with_a_spark_that_is_none(environment, capsys, tmp_path: Path) -> None:
    # Later that is tried again and again, as what the machine may lack for a while.
    none = ("--systemd", "--spark-home", str(tmp_path / "none"))
    for arguments in (
        ("start-dispatcher", "--master", "mesos://m:5050"),
        ("start-shuffle-service",),
        ("start-shuffle-service", "--on-mesos", "--master", "mesos://m:5050"),
    ):
        ran = Ran(capsys, environment, *arguments, *none)
        assert (ran.code, ran.out) == (1, "")
        assert "(--spark-home) does not exist" in ran.err


def test_what_is_not_for_the_unit_is_not_in_it(
    environment, capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Said for other commands, or other calls of this one; as options it would be refused.
    settings = tmp_path / "own.toml"
    settings.write_text('[start-shuffle-service]\nwait = 30\nat = "http://127.0.0.1:7338"\nport = 7339\n')
    monkeypatch.setenv("SPARKMESOS_CONFIG", str(settings))
    monkeypatch.setenv("SPARKMESOS_MASTER", "mesos://m:5050")
    monkeypatch.setenv("SPARKMESOS_SHUFFLE_SERVICE_ZK", "z1:2181")
    environment |= {"SPARKMESOS_CONFIG": str(settings)}
    service = Ran(capsys, environment, "start-shuffle-service", "--systemd")
    arguments = command(values(service.out, "ExecStart")[0])
    assert arguments[-2:] == ["start-shuffle-service", "--foreground"]
    framework = Ran(capsys, environment, "start-shuffle-service", "--on-mesos", "--systemd")
    arguments = command(values(framework.out, "ExecStart")[0])
    assert arguments[-7:] == [
        *("--on-mesos", "--master", "mesos://m:5050", "--zk", "z1:2181", "--port", "7339")
    ]  # fmt: skip


def test_a_unit_of_the_service_for_this_user(environment, capsys) -> None:
    del environment["SPARK_USER"]
    assert "who has to be able" not in Ran(capsys, environment, "start-shuffle-service", "--systemd").err


def test_a_state_folder_that_systemd_would_protect(environment, capsys) -> None:
    environment["SPARKMESOS_STATE_DIR"] = "/usr/local/state"
    for arguments in (
        ("start-dispatcher", "--master", "mesos://m:5050"),
        ("start-shuffle-service",),
        ("start-shuffle-service", "--on-mesos", "--master", "mesos://m:5050"),
    ):
        ran = Ran(capsys, environment, *arguments, "--systemd")
        assert values(ran.out, "ReadWritePaths") == ["-/usr/local/state"]


def test_a_unit_of_the_framework(environment, capsys) -> None:
    ran = Ran(
        capsys, environment, "start-shuffle-service", "--on-mesos", "--systemd", "--master", "mesos://m:5050",
        "--constraints", "rack:r1,r2;ssd:", "--cpus", "1.2345678",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    arguments = command(values(ran.out, "ExecStart")[0])
    assert arguments[-8:] == [
        "--foreground", "--on-mesos", "--master", "mesos://m:5050",
        "--constraints", "rack:r1,r2;ssd:", "--cpus", "1.2345678",
    ]  # fmt: skip
    assert "sparkmesos-shuffle-service-framework.service" in ran.err
    # It ends itself after --stop; but a unit that is enabled comes back with the machine.
    assert values(ran.out, "Restart") == ["on-failure"]
    assert "disable the unit, too" in ran.err


def test_a_framework_that_could_start_no_service(environment, capsys) -> None:
    del environment["SPARK_HOME"]
    ran = Ran(
        capsys, environment, "start-shuffle-service", "--on-mesos", "--systemd", "--master", "mesos://m:5050"
    )
    assert (ran.code, ran.out) == (2, "")
    assert "Nobody says where agents have Spark" in ran.err
    environment["SPARK_EXECUTOR_URI"] = "http://files/spark.tgz"
    ran = Ran(
        capsys, environment, "start-shuffle-service", "--on-mesos", "--systemd", "--master", "mesos://m:5050"
    )
    assert "SPARK_EXECUTOR_URI=http://files/spark.tgz" in values(ran.out, "Environment")


def test_an_app_of_the_service(master: str, environment, capsys) -> None:
    ran = Ran(
        capsys, environment, "start-shuffle-service", "--marathon", "--master", master,
        "--constraints", "rack:r1,r3", "--memory", "2g", "--marathon-id", "/x/y",
        "--conf", "spark.executor.uri=hdfs://nn/spark.tgz",
    )  # fmt: skip
    app = ran.app
    assert (app["id"], app["instances"], app["mem"], app["user"]) == ("/x/y", 2, 2048, "spark")
    assert app["constraints"] == [["hostname", "UNIQUE"], ["rack", "LIKE", "r1|r3"]]
    assert app["requirePorts"]
    assert "Marathon cannot say everywhere" in ran.err


def test_no_agent_fits_the_service(master: str, environment, capsys) -> None:
    ran = Ran(
        capsys, environment, "start-shuffle-service", "--marathon", "--master", master, "--constraints", "x:1"
    )
    assert (ran.code, ran.out) == (2, "")
    assert "no agent meets the constraint x:1 (none has x)" in ran.err
    # It was given, and has told.
    assert "--master" not in ran.err


def test_without_a_master_the_number_is_needed(environment, capsys) -> None:
    service = ("start-shuffle-service", "--marathon", "--master", "mesos://127.0.0.1:1")
    ran = Ran(capsys, environment, *service)
    assert (ran.code, ran.out) == (5, "")
    ran = Ran(capsys, environment, *service, "--instances", "4")
    assert ran.app["instances"] == 4
    assert "the master does not tell what agents there are" in ran.err


def test_the_service_needs_no_master(environment, capsys) -> None:
    environment["SPARK_EXECUTOR_URI"] = "http://files/spark.tgz"
    ran = Ran(capsys, environment, "start-shuffle-service", "--marathon", "--instances", "4")
    assert ran.app["instances"] == 4
    assert "agents are taken to hand out the ports 31000 to 32000" in ran.err
    ran = Ran(capsys, environment, "start-shuffle-service", "--marathon")
    assert (ran.code, ran.out) == (2, "")
    assert "Nobody knows how many instances there are to be" in ran.err
    assert "--instances" in ran.err
    assert "framework" not in ran.err
    # That one does.
    ran = Ran(capsys, environment, "start-shuffle-service", "--on-mesos", "--marathon", "--instances", "1")
    assert "The shuffle service framework has to know its Mesos master" in ran.err


def test_a_mistake_is_said_before_a_master_is_asked(environment, capsys) -> None:
    authenticates = ("--conf", "spark.authenticate=true", "--conf", "spark.authenticate.secret=hunter2")
    with http_stub({}) as stub:
        master = ("--master", f"mesos://{stub.address}", "--marathon")
        for arguments, message in (
            (("start-dispatcher",), "in a file of one"),
            (("start-dispatcher", "--zk", "ops:hunter2@z1:2181"), "holds a secret"),
            (("start-shuffle-service", "--on-mesos"), "in a file of one"),
            (("start-shuffle-service", *authenticates), "cannot be in the app"),
        ):
            ran = Ran(capsys, environment, *arguments, *master)
            assert (ran.code, ran.out) == (2, "")
            assert message in ran.err
        assert stub.requests == []


@pytest.mark.parametrize(
    "command",
    [("start-dispatcher",), ("start-shuffle-service", "--on-mesos")],
    ids=["dispatcher", "framework"],
)
def test_servers_of_this_machine_are_not_on_agents(
    command: tuple[str, ...], master: str, environment, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = master.removeprefix("mesos://")
    app = (*command, "--marathon", "--master", master)
    elsewhere = Ran(capsys, environment, *app, "--marathon-host", "a1")
    assert elsewhere.code == 0
    assert f"{stub} of --master is on this machine" in elsewhere.err
    anywhere = Ran(capsys, environment, *app, "--zk", "z1:2181,localhost:2181")
    assert f"{stub} of --master is on this machine" in anywhere.err
    assert "localhost:2181 of --zk is on this machine" in anywhere.err
    monkeypatch.setattr("socket.gethostname", lambda: "a1")
    for here in ("a1", "localhost"):
        assert "on this machine" not in Ran(capsys, environment, *app, "--marathon-host", here).err
    stored = Ran(
        capsys, environment, *app, "--zk", "z1:2181", "--marathon-secret", "SPARKMESOS_MASTER=mesos/master"
    )
    assert "--master" not in stored.app["cmd"]
    assert "on this machine" not in stored.err


@pytest.mark.parametrize("how", ["--systemd", "--marathon"])
@pytest.mark.parametrize("command", [("start-dispatcher",), ("start-shuffle-service", "--on-mesos")])
def test_what_would_end_at_once_is_refused(command: tuple[str, ...], how: str, environment, capsys) -> None:
    ran = Ran(
        capsys, environment, *command, how, "--master", "mesos://m:5050", "--zk", "z:2181",
        "--subscribe-timeout", "inf",
    )  # fmt: skip
    assert (ran.code, ran.out) == (2, "")
    assert "--subscribe-timeout is not a number of seconds" in ran.err


def test_the_secret_of_the_service(master: str, environment, capsys, tmp_path: Path) -> None:
    service = ("start-shuffle-service", "--marathon", "--master", master, "--conf", "spark.authenticate=true")
    file = tmp_path / "own.conf"
    file.write_text("spark.authenticate.secret hunter2\n")
    file.chmod(0o600)
    ran = Ran(capsys, environment, *service, "--properties-file", str(file))
    assert (ran.code, ran.out) == (2, "")
    assert "--marathon-secret _SPARK_AUTH_SECRET=NAME" in ran.err
    assert "hunter2" not in ran.err
    # Nobody has to know it here.
    ran = Ran(capsys, environment, *service, "--marathon-secret", "_SPARK_AUTH_SECRET=spark/auth")
    assert ran.app["env"]["_SPARK_AUTH_SECRET"] == {"secret": "_SPARK_AUTH_SECRET"}
    assert ran.app["secrets"] == {"_SPARK_AUTH_SECRET": {"source": "spark/auth"}}
    assert "given on the command line" not in ran.err


def test_an_app_of_the_framework(master: str, environment, capsys) -> None:
    ran = Ran(
        capsys, environment, "start-shuffle-service", "--on-mesos", "--marathon", "--master", master,
        "--zk", "z1:2181", "--instances", "2", "--cpus", "2",
    )  # fmt: skip
    app = ran.app
    assert "--on-mesos --master" in app["cmd"]
    # Whoever reaches it could end all services.
    assert app["cmd"].endswith("--host 127.0.0.1 --port 7338")
    assert app["instances"] == 2
    assert app["cpus"] < 1  # that of each service is another thing
    assert "Only its own agent can ask it for the status" in ran.err
    assert "It reads the configuration of its agent" in ran.err
    assert "Marathon would start it again after --stop" in ran.err


def test_a_framework_that_wants_a_token_listens_for_all(
    master: str, environment, capsys, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef")
    ran = Ran(
        capsys, environment, "start-shuffle-service", "--on-mesos", "--marathon", "--master", master,
        "--zk", "z1:2181", "--auth-token-file", str(token),
    )  # fmt: skip
    assert ran.app["cmd"].endswith(f"--auth-token-file {token} --host 0.0.0.0 --port 7338")
    assert "can end all services" not in ran.err
    assert f"Agents need the same files as this machine: {token}" in ran.err


def test_the_state_of_a_process_has_to_be_somewhere(master: str, environment, capsys) -> None:
    dispatcher = ("start-dispatcher", "--marathon", "--master", master)
    ran = Ran(capsys, environment, *dispatcher)
    assert (ran.code, ran.out) == (2, "")
    assert "--zk HOST:2181" in ran.err
    app = Ran(capsys, environment, *dispatcher, "--marathon-host", "a2").app
    assert app["constraints"] == [["hostname", "LIKE", "a2"]]


def test_where_this_machine_would_listen_is_nothing_to_an_agent(master: str, environment, capsys) -> None:
    environment["SPARK_MESOS_DISPATCHER_HOST"] = "here.example"
    dispatcher = ("start-dispatcher", "--marathon", "--master", master, "--zk", "z1:2181")
    app = Ran(capsys, environment, *dispatcher).app
    assert "--host 0.0.0.0 " in app["cmd"]
    assert "here.example" not in json.dumps(app)
    assert "--host a2 " in Ran(capsys, environment, *dispatcher, "--host", "a2").app["cmd"]


def test_an_app_as_json(master: str, environment, capsys) -> None:
    ran = Ran(
        capsys,
        environment,
        "start-dispatcher",
        "--marathon",
        "--master",
        master,
        "--zk",
        "z1:2181",
        "--output",
        "json",
    )
    report = json.loads(ran.out)
    assert report["app"]["id"] == "/spark/dispatcher"
    assert any("in their PATH" in note for note in report["notes"])


@pytest.fixture
def server():
    with marathon() as running:
        yield running


def test_given_to_marathon(server: Marathon, master: str, environment, capsys) -> None:
    dispatcher = ("start-dispatcher", "--marathon", "--master", master, "--zk", "z1:2181", "--marathon-url")
    server.credentials = "ops:hunter2"
    url = server.url.replace("//", "//ops:hunter2@")
    ran = Ran(capsys, environment, *dispatcher, url)
    assert (ran.code, ran.out) == (0, "/spark/dispatcher\n")
    assert "has created it" in ran.err
    ran = Ran(capsys, environment, *dispatcher, url, "--output", "json")
    deployment = json.loads(ran.out)["deployment"]
    assert (deployment["app"], deployment["created"], deployment["marathon"]) == (
        "/spark/dispatcher", False, server.url
    )  # fmt: skip
    assert deployment["id"]
    assert "hunter2" not in ran.out + ran.err
    assert violations(server.apps["/spark/dispatcher"]) == []


def test_refused_by_marathon(server: Marathon, master: str, environment, capsys) -> None:
    server.secrets_enabled = False
    ran = Ran(
        capsys, environment, "start-dispatcher", "--marathon", "--master", master, "--zk", "ops:hunter2@z1:2181",
        "--marathon-secret", "SPARKMESOS_DISPATCHER_ZK=zk", "--marathon-url", server.url,
    )  # fmt: skip
    assert (ran.code, ran.out) == (1, "")
    assert "/secrets must be empty: the feature secrets is not enabled" in ran.err
    assert "hunter2" not in ran.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--marathon-url", "http://m:8080"], "--marathon-url needs --marathon"),
        (["--systemd", "--instances", "2"], "--instances needs --marathon"),
        (["--marathon-host", "a"], "--marathon-host needs --marathon"),
        (["--marathon-secret", "A=b"], "--marathon-secret needs --marathon"),
        (["--systemd", "--marathon"], "--systemd and --marathon do not go together"),
        (["--marathon", "--zk", "z", "--marathon-url", "m:8080"], "m:8080 is no URL of a Marathon"),
        (["--marathon", "--zk", "z", "--marathon-id", "/A"], "'/A' is no id of a Marathon app"),
    ],
)
def test_what_does_not_go_together(
    options: list[str], message: str, master: str, environment, capsys
) -> None:
    ran = Ran(capsys, environment, "start-dispatcher", "--master", master, *options)
    assert (ran.code, ran.out) == (2, "")
    assert f"error: {message}" in ran.err
