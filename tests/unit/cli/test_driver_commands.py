"""`status`, `kill`, `list` and `logs` where a stub stands for the dispatcher."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_cli.driver_report import exit_code_of
from sparkmesos_cli.held_interrupts import HeldInterrupts
from sparkmesos_cli.main import run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.dispatcher.messages import DriverStatus
from sparkmesos_core.dispatcher.waiting import wait_for_end
from sparkmesos_core.errors import ExitCode
from tests.http_stub import Answer, http_stub

ID = "driver-20261122072800-0001"
Said = tuple[int, str, str]


@pytest.fixture
def call(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """Runs a command where neither Spark nor settings are; gives exit code, stdout and stderr."""
    monkeypatch.setattr("sparkmesos_core.spark.home.importlib_util.find_spec", lambda name: None)
    for name in [name for name in os.environ if name.startswith("SPARKMESOS_")]:
        monkeypatch.delenv(name)

    def run_it(*arguments: str, **environment: str) -> Said:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        terminal = Terminal(environment={"HOME": str(tmp_path), "PATH": os.environ["PATH"], **environment})
        return (run(arguments, terminal), *capfd.readouterr())

    return run_it


def message(action: str, **fields: Any) -> Answer:
    return Answer(200, json.dumps({"action": action, "serverSparkVersion": "3.5.9", **fields}).encode())


def status(state: str, **fields: Any) -> Answer:
    return message("SubmissionStatusResponse", success=state != "NOT_FOUND", driverState=state, **fields)


OURS = {
    "outcome": "failed",
    "taskId": f"{ID}-retry-2",
    "statusTaskId": f"{ID}-retry-2",
    "mesosState": "TASK_FAILED",
    "mesosMessage": "Command exited with status 7",
    "mesosReason": "REASON_COMMAND_EXECUTOR_FAILED",
    "exitStatus": 7,
    "retries": 2,
    "agentId": "S0",
    "agentHost": "agent1",
    "submittedAt": "2026-11-22T07:28:00.000Z",
}


LACKS_CORES = {
    "cause": "cores",
    "message": "needs 9 cores, and the largest offer had 2",
    "hint": "Ask for fewer.",
    "agents": 3,
    "largestCores": 2.0,
}
AWAY = {"mesosProblem": "m1 refuses"}


class TestStatus:
    def test_a_word_on_stdout_and_the_rest_on_stderr(self, call: Callable[..., Said]) -> None:
        with http_stub(lambda _: status("FINISHED", **OURS)) as stub:
            code, out, err = call("status", "--dispatcher", f"mesos://{stub.address}", ID)
        assert (code, out) == (3, "failed\n")
        assert f"{ID}: TASK_FAILED, Command exited with status 7" in err
        assert "agent: agent1" in err

    def test_json(self, call: Callable[..., Said]) -> None:
        with http_stub(lambda _: status("FINISHED", **OURS)) as stub:
            code, out, err = call("status", "--output", "json", "--master", f"mesos://{stub.address}", ID)
        driver = json.loads(out)["driver"]
        assert (code, err) == (3, "")
        assert (driver["id"], driver["state"], driver["driver_state"]) == (ID, "failed", "FINISHED")
        assert (driver["exit_status"], driver["task_state"], driver["retries"]) == (7, "TASK_FAILED", 2)
        assert driver["finished_at"] is None

    def test_of_sparks_own_there_is_what_the_message_says(self, call: Callable[..., Said]) -> None:
        text = f'task_id {{ value: "{ID}" }} state: TASK_KILLED slave_id {{ value: "S7" }}'
        with http_stub(lambda _: status("FINISHED", message=text)) as stub:
            code, out, _ = call("status", "--output", "json", "--master", f"mesos://{stub.address}", ID)
        driver = json.loads(out)["driver"]
        assert (code, driver["state"], driver["agent_id"], driver["name"]) == (4, "killed", "S7", None)

    def test_the_place_in_the_queue(self, call: Callable[..., Said]) -> None:
        with http_stub(lambda _: status("QUEUED", queuePosition=12)) as stub:
            code, out, err = call("status", "--dispatcher", f"mesos://{stub.address}", ID)
        assert (code, out) == (0, "queued\n")
        assert "place in the queue: 12" in err

    def test_what_keeps_it_in_the_queue(self, call: Callable[..., Said]) -> None:
        with http_stub(lambda _: status("QUEUED", waitsFor=LACKS_CORES)) as stub:
            url = f"mesos://{stub.address}"
            code, out, err = call("status", "--dispatcher", url, ID)
            _, json_out, _ = call("status", "--output", "json", "--dispatcher", url, ID)
        assert (code, out) == (0, "queued\n")
        assert "not launched yet: needs 9 cores, and the largest offer had 2\n" in err
        assert "hint: Ask for fewer." in err
        assert json.loads(json_out)["driver"]["waits_for"] == {
            "cause": "cores",
            "message": "needs 9 cores, and the largest offer had 2",
            "hint": "Ask for fewer.",
            "agents": 3,
            "largest_cores": 2.0,
            "largest_memory_mib": None,
            "unmet_constraints": None,
        }

    def test_that_mesos_is_away(self, call: Callable[..., Said]) -> None:
        with http_stub(lambda _: status("RUNNING", **AWAY)) as stub:
            url = f"mesos://{stub.address}"
            code, out, err = call("status", "--dispatcher", url, ID)
            json_code, json_out, json_err = call("status", "--output", "json", "--dispatcher", url, ID)
        assert (code, out, json_code) == (0, "running\n", 0)
        for said in (err, json_err):
            assert said.count("warning: the dispatcher is not in touch with Mesos now: m1 refuses; ") == 1
        assert json.loads(json_out)["driver"]["mesos_problem"] == "m1 refuses"

    def test_that_one_waits_for_mesos(self, call: Callable[..., Said]) -> None:
        waits = {"cause": "mesos", "message": "waits until the dispatcher has a Mesos master"}
        with http_stub(lambda _: status("QUEUED", waitsFor=waits, **AWAY)) as stub:
            code, out, err = call("status", "--dispatcher", f"mesos://{stub.address}", ID)
        assert (code, out) == (0, "queued\n")
        assert "not launched yet: waits until the dispatcher has a Mesos master\n" in err
        assert err.count("warning: the dispatcher is not in touch with Mesos now: m1 refuses; ") == 1

    def test_of_one_that_has_ended_it_does_not_matter(self, call: Callable[..., Said]) -> None:
        with http_stub(lambda _: status("FINISHED", **OURS, **AWAY)) as stub:
            code, _, err = call("status", "--dispatcher", f"mesos://{stub.address}", ID)
        assert (code, "warning" in err) == (3, False)

    def test_not_found(self, call: Callable[..., Said]) -> None:
        with http_stub(lambda _: status("NOT_FOUND")) as stub:
            code, out, err = call("status", "--dispatcher", f"mesos://{stub.address}", ID)
        assert (code, out) == (1, "not found\n")
        assert f"knows no driver {ID}" in err

    @pytest.mark.parametrize("waits", [(), ("--wait", "--timeout", "0.1")])
    def test_while_nobody_leads_is_not_what_is_said_of_drivers_that_nobody_knows(
        self, call: Callable[..., Said], waits: tuple[str, ...]
    ) -> None:
        nobody = Answer(503, json.dumps({"action": "ErrorResponse", "message": "Nobody leads."}).encode())
        with http_stub(lambda _: nobody) as stub:
            code, out, err = call("status", *waits, "--dispatcher", f"mesos://{stub.address}", ID)
        assert (code, out) == (6 if waits else 5, "")
        assert "cannot serve at the moment: Nobody leads" in err

    @pytest.mark.parametrize(
        "command", [("list",), ("logs", ID), ("logs", "-f", ID), ("kill", ID), ("kill", ID, "driver-2")]
    )
    def test_while_nobody_leads_other_commands_say_so_with_the_same_code(
        self, call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
    ) -> None:
        monkeypatch.setattr("sparkmesos_core.dispatcher.trials._PAUSE", 60.0)  # longer than there is time for
        nobody = Answer(503, json.dumps({"action": "ErrorResponse", "message": "Nobody leads."}).encode())
        with http_stub(lambda _: nobody) as stub:
            code, out, err = call(*command, "--dispatcher", f"mesos://{stub.address}")
        assert (code, out) == (5, "")
        assert "cannot serve at the moment: Nobody leads" in err

    def test_waiting_for_an_id_that_nobody_has_seen(self, call: Callable[..., Said]) -> None:
        with http_stub(lambda _: status("NOT_FOUND")) as stub:
            url = f"mesos://{stub.address}"
            said = call("status", "--dispatcher", url, ID)
            assert call("status", "--wait", "--dispatcher", url, ID) == said
        assert said[0] == 1
        assert "Check the id" in said[2]
        assert len(stub.requests) == 2

    def test_when_nobody_has_led_for_too_long_the_driver_goes_on(
        self, call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        impatient = partial(wait_for_end, patience=0.0)
        monkeypatch.setattr("sparkmesos_cli.driver_waiting.wait_for_end", impatient)
        nobody = Answer(503, json.dumps({"action": "ErrorResponse", "message": "Nobody leads."}).encode())
        with http_stub(lambda _: nobody) as stub:
            code, _, err = call("status", "--wait", "--dispatcher", f"mesos://{stub.address}", ID)
        assert code == 5
        assert "The driver goes on." in err

    def test_a_token_that_is_refused_is_not_shown_again_and_again(
        self, call: Callable[..., Said], tmp_path: Path
    ) -> None:
        token = tmp_path / "token"
        token.write_text("x" * 32)
        settings = tmp_path / "config.toml"
        settings.write_text(f'auth-token-file = "{token}"\n')
        with http_stub(lambda _: Answer(401, b"{}")) as stub:
            code, _, err = call(
                *("status", "--wait", "--dispatcher", f"mesos://{stub.address}", ID),
                SPARKMESOS_CONFIG=str(settings),
            )
        assert (code, len(stub.requests)) == (1, 1)
        assert "wants a token, and not this one" in err
        assert stub.requests[0][2]["Authorization"] == f"Bearer {'x' * 32}"

    @pytest.mark.parametrize("seconds", ["nan", "inf", "0", "-1", "soon"])
    def test_times_that_are_none(self, call: Callable[..., Said], seconds: str) -> None:
        code, _, err = call("status", "--wait", "--timeout", seconds, "--dispatcher", "mesos://h", ID)
        assert (code, "--timeout" in err) == (2, True)

    def test_a_timeout_without_a_wait(self, call: Callable[..., Said]) -> None:
        code, _, err = call("status", "--timeout", "3", "--dispatcher", "mesos://h", ID)
        assert (code, "--timeout is for --wait" in err) == (2, True)


@pytest.mark.parametrize(
    ("state", "task", "code"),
    [
        ("QUEUED", "", ExitCode.OK),
        ("RUNNING", "TASK_RUNNING", ExitCode.OK),
        ("RETRYING", "TASK_FAILED", ExitCode.OK),
        ("FINISHED", "TASK_FINISHED", ExitCode.OK),
        ("FINISHED", "TASK_FAILED", ExitCode.DRIVER_FAILED),
        ("FINISHED", "TASK_LOST", ExitCode.DRIVER_FAILED),
        ("FINISHED", "TASK_KILLED", ExitCode.DRIVER_KILLED),
        ("FINISHED", "", ExitCode.DRIVER_FAILED),
        ("NOT_FOUND", "", ExitCode.FAILED),
    ],
)
def test_exit_codes_of_status(state: str, task: str, code: ExitCode) -> None:
    text = f'task_id {{\n  value: "driver-1"\n}}\nstate: {task}\n' if task else ""
    assert exit_code_of(DriverStatus("driver-1", state, text)) == code


class TestWhichDispatcher:
    """Every stub answers another word, so that who was asked shows."""

    @pytest.mark.parametrize(
        ("options", "variables", "asked"),
        [
            (("--dispatcher", "A"), {}, "A"),
            (("--master", "A"), {}, "A"),
            (("--dispatcher", "A", "--master", "B"), {}, "A"),
            (("--dispatcher", "A"), {"SPARKMESOS_DISPATCHER": "B", "SPARKMESOS_MASTER": "B"}, "A"),
            (("--master", "A"), {"SPARKMESOS_DISPATCHER": "B"}, "A"),
            ((), {"SPARKMESOS_DISPATCHER": "A", "SPARKMESOS_MASTER": "B"}, "A"),
            ((), {"SPARKMESOS_MASTER": "A"}, "A"),
        ],
    )
    def test_what_is_typed_wins(
        self,
        call: Callable[..., Said],
        options: tuple[str, ...],
        variables: dict[str, str],
        asked: str,
    ) -> None:
        with http_stub(lambda _: status("QUEUED")) as one, http_stub(lambda _: status("RUNNING")) as other:
            urls = {"A": f"mesos://{one.address}", "B": f"mesos://{other.address}"}
            line = [urls.get(word, word) for word in options]
            environment = {name: urls[value] for name, value in variables.items()}
            code, out, err = call("status", *line, ID, **environment)
        assert (code, out) == (0, {"A": "queued\n", "B": "running\n"}[asked]), err

    def test_that_of_spark_defaults_conf(self, call: Callable[..., Said], tmp_path: Path) -> None:
        with http_stub(lambda _: status("QUEUED")) as stub:
            (tmp_path / "spark-defaults.conf").write_text(f"spark.master mesos://{stub.address}\n")
            code, out, err = call("status", ID, SPARK_CONF_DIR=str(tmp_path))
        assert (code, out) == (0, "queued\n"), err

    def test_that_of_the_settings_file(self, call: Callable[..., Said], tmp_path: Path) -> None:
        with http_stub(lambda _: status("QUEUED")) as stub:
            settings = tmp_path / "config.toml"
            settings.write_text(
                f'dispatcher = "mesos://{stub.address}"\nmaster = "mesos://nowhere.invalid"\n'
            )
            code, out, err = call("status", ID, SPARKMESOS_CONFIG=str(settings))
        assert (code, out) == (0, "queued\n"), err

    @pytest.mark.parametrize("command", ["status", "kill", "list", "logs"])
    def test_none(self, call: Callable[..., Said], command: str) -> None:
        code, out, err = call(command, *([] if command == "list" else [ID]))
        assert (code, out) == (2, "")
        assert "No dispatcher given" in err


def test_several_are_killed_and_each_refusal_is_said(call: Callable[..., Said]) -> None:
    def answer(path: str) -> Answer:
        known = path.endswith(ID)
        text = "Killing running driver" if known else "Cannot find driver"
        return message("KillSubmissionResponse", success=known, message=text)

    with http_stub(answer) as stub:
        url = f"mesos://{stub.address}"
        code, out, err = call("kill", "--dispatcher", url, "driver-no", ID, "--output", "json")
    assert code == 1
    assert "driver-no was not killed: Cannot find driver" in err
    assert "hint: Check the id" in err
    assert [(one["id"], one["success"]) for one in json.loads(out)["killed"]] == [
        ("driver-no", False),
        (ID, True),
    ]


def test_kills_that_mesos_cannot_be_told_of_now(call: Callable[..., Said]) -> None:
    killing = message("KillSubmissionResponse", success=True, message="Killing running driver", **AWAY)
    with http_stub(lambda _: killing) as stub:
        code, out, err = call(
            "kill", "--dispatcher", f"mesos://{stub.address}", ID, "d-2", "--output", "json"
        )
    assert code == 0
    assert err.count("warning: the dispatcher is not in touch with Mesos now: m1 refuses; tasks are ") == 1
    assert [one["mesos_problem"] for one in json.loads(out)["killed"]] == ["m1 refuses"] * 2


def test_a_kill_of_one_that_waited_needs_no_mesos(call: Callable[..., Said]) -> None:
    text = "Removed driver while it's still pending"
    with http_stub(lambda _: message("KillSubmissionResponse", success=True, message=text, **AWAY)) as stub:
        code, _, err = call("kill", "--dispatcher", f"mesos://{stub.address}", ID)
    assert (code, err) == (0, f"{ID} was removed: {text}\n")


def test_one_that_has_ended_is_not_killed_and_only_once(call: Callable[..., Said]) -> None:
    text = "Driver already terminated"
    with http_stub(lambda _: message("KillSubmissionResponse", success=False, message=text)) as stub:
        code, _, err = call("kill", "--dispatcher", f"mesos://{stub.address}", ID, ID)
    assert (code, len(stub.requests)) == (1, 1)
    assert f"hint: `sparkmesos status --dispatcher mesos://{stub.address} {ID}` tells" in err


def test_what_was_killed_before_the_dispatcher_went_away_is_reported(call: Callable[..., Said]) -> None:
    def answer(path: str) -> Answer:
        if path.endswith(ID):
            return message("KillSubmissionResponse", success=True, message="Killing running driver")
        return Answer(500, b"")

    with http_stub(answer) as stub:
        url = f"mesos://{stub.address}"
        code, out, err = call("kill", "--dispatcher", url, ID, "driver-2", "driver-3", "--output", "json")
    assert (code, len(stub.requests)) == (1, 2)
    assert [one["id"] for one in json.loads(out)["killed"]] == [ID]
    assert "answered 500" in err


ROW = {
    "submissionId": ID,
    "driverState": "FINISHED",
    "outcome": "succeeded",
    "name": "a\tname",
    "agentHost": "agent1",
    "submittedAt": "2026-11-22T07:28:00.125Z",
    "launchedAt": "2026-11-22T07:28:01.000Z",
    "finishedAt": "2026-11-22T07:31:21.000Z",
}


class TestList:
    def listed(self, call: Callable[..., Said], *options: str, total: int = 1) -> tuple[Said, str]:
        answer = message("ListSubmissionsResponse", success=True, total=total, submissions=[ROW])
        with http_stub(lambda _: answer) as stub:
            said = call("list", "--dispatcher", f"mesos://{stub.address}", *options)
        return said, stub.requests[0][1]

    def test_a_line_for_each_in_a_pipe(self, call: Callable[..., Said]) -> None:
        (code, out, err), path = self.listed(call)
        assert (code, err) == (0, "")
        assert out.split("\t") == [
            ID,
            "succeeded",
            "2026-11-22 07:28:00",
            "3 min 20 s",
            "agent1",
            "a\\tname",
            "\n",
        ]
        assert path == "/v1/submissions?order=newest&limit=100"

    def test_what_they_wait_for_and_that_mesos_is_away(self, call: Callable[..., Said]) -> None:
        row = {"submissionId": ID, "driverState": "QUEUED", "waitsFor": LACKS_CORES}
        answer = message("ListSubmissionsResponse", success=True, total=1, submissions=[row], **AWAY)
        with http_stub(lambda _: answer) as stub:
            url = f"mesos://{stub.address}"
            code, out, err = call("list", "--dispatcher", url)
            _, json_out, _ = call("list", "--output", "json", "--dispatcher", url)
        assert code == 0
        assert out.split("\t")[1::5] == ["queued", "cores\n"]
        assert err.count("warning: the dispatcher is not in touch with Mesos now: m1 refuses; ") == 1
        (driver,) = json.loads(json_out)["drivers"]
        assert (driver["waits_for"]["cause"], driver["mesos_problem"]) == ("cores", "m1 refuses")

    def test_states_and_limits(self, call: Callable[..., Said]) -> None:
        (code, _, err), path = self.listed(
            call, "--state", "running", "--state", "LOST", "--limit", "1", total=7
        )
        assert code == 0
        assert path == "/v1/submissions?order=newest&limit=1&state=RUNNING%2CLOST"
        assert err == "This is the latest of 7; --limit 0 shows all.\n"

    @pytest.mark.parametrize(("width", "agent"), [(80, ""), (100, "agent1 ")])
    def test_a_line_for_each_on_a_terminal(
        self, width: int, agent: str, call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Screen(io.StringIO):
            def isatty(self) -> bool:
                return True

        screen = Screen()
        with monkeypatch.context() as patches:
            patches.setattr(sys, "stdout", screen)
            patches.setenv("COLUMNS", str(width))
            patches.setitem(globals(), "ROW", {**ROW, "name": "squares-of-all"})
            self.listed(call)
        heading, row = screen.getvalue().splitlines()
        assert ("Agent" in heading) == bool(agent)
        assert " ".join(row.split()) == f"{ID} succeeded 11-22 07:28 3 min 20 s {agent}squares-of-all"

    def test_nothing_in_these_states(self, call: Callable[..., Said]) -> None:
        answer = message("ListSubmissionsResponse", success=True, total=0, submissions=[])
        with http_stub(lambda _: answer) as stub:
            url = f"mesos://{stub.address}"
            said = [call("list", "--dispatcher", url, *options) for options in ((), ("--state", "queued"))]
        assert said == [(0, "", "No drivers.\n"), (0, "", "No driver is queued.\n")]

    def test_a_driver_that_waits_to_be_launched_again_takes_no_time(
        self, call: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waiting = {"driverState": "RETRYING", "launchedAt": ROW["launchedAt"], "finishedAt": None}
        monkeypatch.setitem(globals(), "ROW", {**ROW, **waiting})
        (_, out, _), _ = self.listed(call)
        assert out.split("\t")[1:4] == ["retrying", "2026-11-22 07:28:00", ""]

    def test_a_state_that_there_is_not(self, call: Callable[..., Said]) -> None:
        code, _, err = call("list", "--dispatcher", "mesos://h", "--state", "lazy")
        assert (code, "'lazy' is not one of" in err) == (2, True)


def test_logs_of_a_driver_that_was_never_launched(call: Callable[..., Said]) -> None:
    with http_stub(lambda _: status("QUEUED", waitsFor=LACKS_CORES)) as stub:
        code, out, err = call("logs", "--dispatcher", f"mesos://{stub.address}", ID)
    assert (code, out) == (1, "")
    assert "was never launched (needs 9 cores, and the largest offer had 2)\n" in err
    assert f"`sparkmesos logs -f --dispatcher mesos://{stub.address} {ID}`" in err


def test_logs_of_a_driver_that_never_will_be_launched(call: Callable[..., Said]) -> None:
    with http_stub(lambda _: status("FINISHED", outcome="killed")) as stub:
        code, out, err = call("logs", "--dispatcher", f"mesos://{stub.address}", ID)
    assert (code, out) == (1, "")
    assert f"`sparkmesos status --dispatcher mesos://{stub.address} {ID}` may tell why." in err
    assert "logs -f" not in err


def test_following_logs_that_the_agent_does_not_have_any_more(call: Callable[..., Said]) -> None:
    def agent(path: str) -> Answer:
        return Answer(200, b"{}") if path == "/state" else Answer(404, b"")

    with http_stub(agent) as host:
        ran = {"agentUrl": f"http://{host.address}", "taskId": ID, "driverFrameworkId": f"F-{ID}"}
        with http_stub(lambda _: status("FINISHED", outcome="succeeded", **ran)) as stub:
            said = {
                follow: call("logs", *follow, "--dispatcher", f"mesos://{stub.address}", ID)
                for follow in ((), ("-f",))
            }
    assert {code for code, _, _ in said.values()} == {0, 1}
    for _, out, err in said.values():
        assert out == ""
        assert f"has no sandbox of {ID}" in err
        assert "succeeded" not in err


class TestWaitingSubmissions:
    @pytest.mark.parametrize("option", [("--timeout", "3"), ("--kill-on-interrupt",)])
    def test_what_is_for_waiting_wants_that(self, call: Callable[..., Said], option: tuple[str, ...]) -> None:
        code, _, err = call(
            *("submit", "--master", "mesos://h", "--deploy-mode", "cluster"), *option, "http://h/a.py"
        )
        assert (code, f"{option[0]} is for --wait and --follow" in err) == (2, True)

    @pytest.mark.parametrize(
        ("master", "created", "code"), [("embedded", True, 0), ("mesos://h:0x", False, 2)]
    )
    def test_the_master_of_client_mode_is_looked_at_before_the_driver_is_accepted(
        self, call: Callable[..., Said], master: str, created: bool, code: int
    ) -> None:
        """It may be an embedded one, which has nothing to do with a dispatcher's drivers."""

        def answer(path: str) -> Answer:
            if path.endswith("create"):
                return message("CreateSubmissionResponse", success=True, submissionId=ID)
            return status("FINISHED", outcome="succeeded")

        with http_stub(answer) as stub:
            said = call(
                *("submit", "--master", f"mesos://{stub.address}", "--deploy-mode", "cluster", "--follow"),
                *("--class", "X", "http://h/a.jar"),
                SPARKMESOS_MASTER=master,
            )
        assert (said[0], said[1]) == (code, f"{ID}\n" if created else ""), said[2]
        assert bool(stub.requests) is created

    @pytest.mark.parametrize("option", [("--timeout", "3"), ("--stage", "s3a://b")])
    def test_what_client_mode_has_no_use_for(
        self, call: Callable[..., Said], option: tuple[str, ...]
    ) -> None:
        code, _, err = call("submit", "--master", "embedded", *option, "http://h/a.py")
        assert (code, f"{option[0]} is for --deploy-mode cluster" in err) == (2, True)


def test_the_first_interrupt_is_held_back_and_the_second_is_not() -> None:
    announced: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    with HeldInterrupts(lambda: announced.append(1)) as held:
        assert not held.came
        signal.raise_signal(signal.SIGINT)
        assert held.came
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert announced == [1]
    assert signal.getsignal(signal.SIGINT) is before
