"""What `start-shuffle-service --on-mesos` refuses, and what it says where no process runs."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from sparkmesos_cli.main import run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.durable_framework.actions import SaveFramework
from sparkmesos_core.durable_framework.store.sqlite import open_sqlite
from sparkmesos_core.shuffle_service.on_agents.kind import SERVICES
from sparkmesos_core.shuffle_service.on_agents.settings import database_path, instance_folder
from tests.http_stub import Answer, http_stub
from tests.unit.shuffle_service.on_agents.test_status import report, status

SPARK = ["--conf", "spark.mesos.executor.home=/opt/spark"]
ON_MESOS = ["start-shuffle-service", "--on-mesos"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "The shuffle service framework has to know its Mesos master"),
        (["--master", "m:5050"], "master URL 'm:5050' does not begin with mesos://"),
        (["--master", "mesos://m:5050", "--memory", "lots"], "'lots' is not a size"),
        (["--master", "mesos://m:5050", "--cpus", "nan", *SPARK], "--cpus is not a number of CPUs"),
        (
            ["--master", "mesos://m:5050", "--constraints", "rack"],
            "error: --constraints: The value of spark.mesos.constraints cannot be used: 'rack' is not",
        ),
        (["--master", "mesos://m:5050", "--zk", "z:port"], "The ZooKeeper servers cannot be understood"),
        (
            ["--master", "mesos://m:5050", "--subscribe-timeout", "nan", *SPARK],
            "--subscribe-timeout is not a number of seconds",
        ),
        (
            ["--master", "mesos://m:5050", "--auth-token-file", "/no/such"],
            "The token file /no/such cannot be read",
        ),
        (
            ["--master", "mesos://m:5050", "--conf", "spark.authenticate=true"],
            "there is no spark.authenticate.secret",
        ),
        (["--master", "mesos://m:5050"], "Nobody says where agents have Spark"),
        (["--status", "--wait", "-5"], "Invalid value for '--wait': -5.0 is not at least 0"),
        (["--wait", "-.5", "--status"], "Invalid value for '--wait': -0.5 is not at least 0"),
        (["--status", "--at", "http://h:1", "--wait", "nan"], "--wait is not a number of seconds"),
        (["--master", "mesos://m:5050", "--wait=nan", *SPARK], "--wait is not a number of seconds"),
        (["--status", "--at", "h:7338"], "'h:7338' is not the address of a server over http"),
    ],
)
def test_mistakes(
    options: list[str], message: str, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*ON_MESOS, *options], Terminal(environment=environment)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert not (Path(environment["SPARKMESOS_STATE_DIR"])).exists()


def test_a_wrong_value_is_told_once(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    for given in (["--constraints", "rack=1"], ["--conf", "spark.mesos.constraints=rack=1"]):
        line = [*ON_MESOS, "--master", "mesos://m:5050", *SPARK, *given]
        assert run(line, Terminal(environment=environment)) == 2
        err = capsys.readouterr().err
        assert err.count("'rack=1' is not a constraint") == 1
        assert "warning" not in err


@pytest.mark.parametrize(
    ("command", "key"),
    [(ON_MESOS, "spark.mesos.executor.home"), (["start-dispatcher"], "spark.home")],
)
def test_a_spark_that_agents_alone_have(
    command: list[str], key: str, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """--spark-home is one of this machine, for the framework of the services as for the dispatcher."""
    line = [*command, "--master", "mesos://m:5050", "--spark-home", "/no/spark"]
    assert run(line, Terminal(environment=environment)) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: /no/spark (--spark-home) does not exist\n")
    assert err.endswith(f" --conf {key}=/no/spark\n")


def test_the_status_where_none_runs(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*ON_MESOS, "--status", "--instance", "3"], Terminal(environment=environment)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: No shuffle service framework 3 runs on this machine\nhint: ")


def test_the_status_where_records_are_left_disturbs_no_start(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    database = database_path(instance_folder(environment, 3))
    with closing(open_sqlite(database, SERVICES)) as store:
        store.apply([SaveFramework("F-0001")])
    lock = os.open(f"{database}.lock", os.O_RDWR)
    try:
        # Of one that is just starting: it would end at once if who only looks had the lock.
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.ftruncate(lock, 0)
        assert run([*ON_MESOS, "--status", "--instance", "3"], Terminal(environment=environment)) == 1
    finally:
        os.close(lock)
    err = capsys.readouterr().err
    assert "runs on this machine; its records are here, and its services may run on\n" in err


def test_the_status_of_one_elsewhere(
    environment: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-that-is-long-enough")
    told = status(report(), report("b", answers=False, found="nothing listens at its port"))
    terminal = Terminal(environment=environment)
    with http_stub({"/v1/status": Answer(200, json.dumps(told.to_json()).encode())}) as stub:
        at = [*ON_MESOS, "--status", "--at", f"http://{stub.address}", "--auth-token-file", str(token)]
        assert run(at, terminal) == 1
        out, err = capsys.readouterr()
        assert run([*at, "--output", "json"], terminal) == 1
        assert stub.requests[0][2]["Authorization"] == "Bearer a-token-that-is-long-enough"
    assert out == "a\trunning\tyes\t\t0\t\nb\trunning\tno\t\t0\tnothing listens at its port\n"
    assert err == "1 of 2 agents have a service at port 7337; framework F at http://m:5050\n"
    assert json.loads(capsys.readouterr().out)["shuffle_services"] == json.loads(json.dumps(told.to_json()))
    assert run([*ON_MESOS, "--status", "--at", f"http://{stub.address}"], terminal) == 5


def test_waiting_for_a_service_on_every_agent(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    silent = report(
        "b", answers=False, found="nothing listens at its port", last_lines=("\x1b]2;me\x07 out",)
    )
    half, done = (
        Answer(200, json.dumps(one.to_json()).encode())
        for one in (status(report(), silent), status(report(), report("b")))
    )
    terminal = Terminal(environment=environment)
    answers = [half, done]
    with http_stub(lambda _: answers.pop(0)) as stub:
        at = [*ON_MESOS, "--status", "--at", f"http://{stub.address}", "--wait"]
        assert run([*at, "60"], terminal) == 0
        assert len(stub.requests) == 2
        assert capsys.readouterr().out == "a\trunning\tyes\t\t0\t\nb\trunning\tyes\t\t0\t\n"
        answers += [done]
        assert run(at, terminal) == 0
        capsys.readouterr()
        answers += [half]
        assert run([*at, "0"], terminal) == 6
        out, err = capsys.readouterr()
        assert out == "a\trunning\tyes\t\t0\t\nb\trunning\tno\t\t0\tnothing listens at its port\n"
        assert err.endswith(
            "error: Not every agent has a shuffle service that answers after 0 s:\n"
            "  b: running; nothing listens at its port\n"
            "hint: Services are launched all the same, as agents offer room: --status tells of them.\n"
        )
        assert "\x1b" not in err  # of what a service wrote
        assert "me" in err
        answers += [half]
        assert run([*at, "0", "--output", "json"], terminal) == 6
        assert json.loads(capsys.readouterr().out)["shuffle_services"]["complete"] is False
    assert run([*ON_MESOS, "--status", "--wait"], terminal) == 1
    assert "No shuffle service framework 1 runs on this machine" in capsys.readouterr().err


def test_waiting_in_the_foreground(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    environment["SPARK_NO_DAEMONIZE"] = "1"
    start = [*ON_MESOS, "--master", "mesos://127.0.0.1:1", *SPARK, "--wait"]
    assert run(start, Terminal(environment=environment)) == 2
    assert "SPARK_NO_DAEMONIZE keeps the process in the foreground" in capsys.readouterr().err


def test_a_stop_where_there_is_nothing(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(environment=environment)
    assert run([*ON_MESOS, "--stop"], terminal) == 0
    assert "there is nothing to stop" in capsys.readouterr().err
    # No more is made of it with a master: nobody is asked.
    assert run([*ON_MESOS, "--stop", "--master", "mesos://192.0.2.1:1"], terminal) == 0
    assert not Path(environment["SPARKMESOS_STATE_DIR"]).exists()


def test_a_stop_without_a_process_wants_the_master(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    database = Path(environment["SPARKMESOS_STATE_DIR"]) / "shuffle-service-1" / "services.db"
    store = open_sqlite(database, SERVICES)
    store.apply([SaveFramework("F")])
    terminal = Terminal(environment=environment)
    try:
        assert run([*ON_MESOS, "--stop"], terminal) == 1
        assert "is in use by another shuffle service framework" in capsys.readouterr().err
    finally:
        store.close()
    assert run([*ON_MESOS, "--stop"], terminal) == 1
    assert "Give --master, and they are ended without it" in capsys.readouterr().err


def test_the_process_that_is_to_end_does_not_run(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["stop-shuffle-service", "--on-mesos"], Terminal(environment=environment)) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("No shuffle service framework 1 runs in the background")
    asked = ["stop-shuffle-service", "--on-mesos", "--output", "json"]
    assert run(asked, Terminal(environment=environment)) == 0
    assert json.loads(capsys.readouterr().out)["stopped"] is None


def test_a_stop_that_mesos_refuses_says_why(
    environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal(environment=environment)
    refusal = "the master refuses TEARDOWN: 403 not authorized"
    stopped = json.dumps({"complete": False, "services": 2, "reason": refusal}).encode()
    told = json.dumps(status(report(), stopping=True, problem=refusal).to_json()).encode()
    with http_stub({"/v1/stop": Answer(202, stopped), "/v1/status": Answer(200, told)}) as stub:
        at = ["--at", f"http://{stub.address}"]
        assert run([*ON_MESOS, "--stop", *at], terminal) == 1
        assert refusal in capsys.readouterr().err
        run([*ON_MESOS, "--status", *at], terminal)
        assert f"all services are being stopped, and have not all ended: {refusal}" in capsys.readouterr().err
