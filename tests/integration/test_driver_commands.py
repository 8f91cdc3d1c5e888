"""`submit --wait`, `--follow` and their like, `status`, `kill`, `list` and `logs`, with our dispatcher.

Drivers are shell scripts, run by a stand-in for spark-submit; tests/integration/test_cluster_mode.py has real
ones, with Spark's own dispatcher.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from sparkmesos_core.localcluster.cluster import AgentSpec, ClusterSpec, RunningCluster, cluster_in_thread
from tests.integration.zookeeper import zookeeper_server
from tests.servers.dispatcher import DispatcherServer, our_dispatcher, running

if TYPE_CHECKING:
    from tests.integration.commands import Commands

_LAST_ARGUMENT_AS_SCRIPT = '#!/bin/sh\nfor last; do :; done\nexec /bin/sh -c "$last"\n'


@dataclass(frozen=True)
class Place:
    server: DispatcherServer
    folder: Path
    mesos: str

    def submitting(self, script: str, *options: str) -> tuple[str, ...]:
        """The command that submits a driver which is this script."""
        return (
            *("submit", "--master", self.server.url, "--deploy-mode", "cluster", "--driver-memory", "512m"),
            *("--conf", f"spark.mesos.executor.home={self.folder / 'spark'}", "--driver-cores", "1"),
            *options,
            (self.folder / "app.py").as_uri(),
            script,
        )


@contextmanager
def place_in(folder: Path, **spec: Any) -> Iterator[tuple[Place, RunningCluster]]:
    """A cluster, our dispatcher on it, and a SPARK_HOME whose spark-submit runs scripts."""
    program = folder / "spark" / "bin" / "spark-submit"
    program.parent.mkdir(parents=True)
    program.write_text(_LAST_ARGUMENT_AS_SCRIPT)
    program.chmod(0o755)
    (folder / "app.py").touch()
    agents = (AgentSpec(cpus=8, mem=12000),)
    made = ClusterSpec(work_dir=folder / "cluster", agents=agents, allocation_interval=0.1, **spec)
    with cluster_in_thread(made) as cluster:
        server = our_dispatcher(cluster.url, folder / "dispatcher")
        with running(server):
            yield Place(server, folder, cluster.url), cluster


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place_in(tmp_path_factory.mktemp("place")) as (place, _):
        yield place


def wait_for(path: Path) -> str:
    """A piece of a script that goes on when there is such a file."""
    return f"until [ -e {path} ]; do sleep 0.05; done"


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """What a command writes to stderr, up to a line with this text in it."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if text in line:
            return said
    raise AssertionError(f"it never said {text}:\n{said}")


def report(commands: Commands, *arguments: str) -> Any:
    done = commands.run(*arguments, "--output", "json")
    content = json.loads(done.stdout)
    assert content.pop("version") == 1
    ((_, value),) = content.items()
    return value


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("exit 0", 0, "succeeded: TASK_FINISHED"),
        ("exit 7", 3, "failed: TASK_FAILED, Command exited with status 7"),
    ],
)
def test_waiting_tells_the_outcome(
    commands: Commands, place: Place, script: str, code: int, words: str
) -> None:
    done = commands.run(*place.submitting(script, "--wait"))
    assert done.returncode == code, done.stderr
    (submission_id,) = done.stdout.splitlines()
    assert f"{submission_id}: {words}" in done.stderr
    status = commands.run("status", "--dispatcher", place.server.url, submission_id)
    assert (status.returncode, status.stdout) == (code, words.partition(":")[0] + "\n")


def test_a_driver_that_is_killed(commands: Commands, place: Place) -> None:
    process = commands.start(*place.submitting("exec sleep 600", "--wait"))
    assert process.stdout is not None
    submission_id = process.stdout.readline().strip()
    line_with(process, "running: TASK_RUNNING")
    assert commands.run("kill", "--master", place.server.url, submission_id).returncode == 0
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert f"{submission_id}: killed: TASK_KILLED" in err
    again = commands.run("kill", "--dispatcher", place.server.url, submission_id, "driver-no")
    assert again.returncode == 1
    assert f"{submission_id} was not killed: Driver already terminated" in again.stderr
    assert "driver-no was not killed: Cannot find driver" in again.stderr


def test_a_supervised_driver_is_waited_for_through_its_failures(commands: Commands, place: Place) -> None:
    count = commands.folder / "count"
    script = f'echo "try" >> {count}; echo "this is try $(wc -l < {count})"; [ $(wc -l < {count}) -ge 3 ]'
    done = commands.run(*place.submitting(script, "--follow", "--supervise"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["this is try 1", "this is try 2", "this is try 3"]
    assert "retrying: TASK_FAILED" in done.stderr


def test_output_is_followed_while_it_comes(commands: Commands, place: Place) -> None:
    go = commands.folder / "go"
    script = f"printf 'caf\\303\\251 \\377'; echo oops >&2; {wait_for(go)}; echo; printf 'no line feed'"
    process = commands.start(*place.submitting(script, "--follow"))
    line_with(process, "oops")
    go.touch()
    assert process.stdout is not None
    out = process.stdout.buffer.read()  # type: ignore[attr-defined]  # it is a TextIOWrapper
    process.stdout.close()
    assert process.wait(60) == 0
    submission_id, _, rest = out.partition(b"\n")
    assert submission_id.startswith(b"driver-")
    assert rest == "café ".encode() + b"\xff\nno line feed"


def test_a_dispatcher_that_dies_and_comes_back_is_waited_for(commands: Commands, place: Place) -> None:
    go = commands.folder / "go"
    process = commands.start(*place.submitting(f"echo begins; {wait_for(go)}; echo ends; exit 9", "--follow"))
    line_with(process, "running: TASK_RUNNING")
    place.server.kill()
    try:
        line_with(process, "asking again")
        go.touch()
    finally:
        place.server.start()
    place.server.await_ready()
    out, err = process.communicate(timeout=90)
    assert process.returncode == 3, err
    assert out.splitlines()[1:] == ["begins", "ends"]
    assert "exited with status 9" in err


def test_another_master_takes_over_meanwhile(commands: Commands, tmp_path: Path) -> None:
    go = tmp_path / "go"
    with ExitStack() as stack:
        zookeeper = stack.enter_context(zookeeper_server(tmp_path / "zookeeper"))
        place, cluster = stack.enter_context(
            place_in(
                tmp_path / "place",
                masters=2,
                zookeeper=f"zk://{zookeeper.hosts}/mesos",
                zk_session_timeout=2.0,
            )
        )
        script = f"echo begins; {wait_for(go)}; echo ends; exit 9"
        process = commands.start(*place.submitting(script, "--follow"))
        line_with(process, "running: TASK_RUNNING")
        cluster.control.kill_master(cluster.control.await_leading_master())
        go.touch()
        out, err = process.communicate(timeout=120)
        assert process.returncode == 3, err
        assert out.splitlines()[1:] == ["begins", "ends"]
        submission_id = out.splitlines()[0]
        # Mesos is known to all from ZooKeeper: the new leader is asked for executors.
        done = commands.run(
            *("logs", "--executor", "0", "--dispatcher", place.server.url, "--master", place.mesos),
            submission_id,
        )
        assert f"Mesos knows no executor 0 of {submission_id}" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kills", [False, True])
def test_an_interrupt(commands: Commands, place: Place, number: signal.Signals, kills: bool) -> None:
    options = ("--wait", "--kill-on-interrupt") if kills else ("--wait",)
    process = commands.start(*place.submitting("exec sleep 600", *options))
    assert process.stdout is not None
    submission_id = process.stdout.readline().strip()
    line_with(process, "running: TASK_RUNNING")
    process.send_signal(number)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 130
    status = commands.run("status", "--dispatcher", place.server.url, submission_id)
    if kills:
        assert f"{submission_id} has ended: killed" in err
        assert (status.returncode, status.stdout) == (4, "killed\n")
    else:
        assert f"{submission_id} goes on" in err
        assert (status.returncode, status.stdout) == (0, "running\n")
        assert commands.run("kill", "--dispatcher", place.server.url, submission_id).returncode == 0


def test_a_wait_that_is_given_up_and_taken_up_again(commands: Commands, place: Place) -> None:
    go = commands.folder / "go"
    done = commands.run(*place.submitting(wait_for(go), "--wait", "--timeout", "0.5"))
    assert done.returncode == 6, done.stderr
    submission_id = done.stdout.strip()
    assert f"`sparkmesos status --wait --dispatcher {place.server.url} {submission_id}`" in done.stderr
    again = commands.start("status", "--wait", "--dispatcher", place.server.url, submission_id)
    line_with(again, "running")
    go.touch()
    out, _ = again.communicate(timeout=60)
    assert (again.returncode, out) == (0, "succeeded\n")


def test_logs_of_a_driver_that_has_ended(commands: Commands, place: Place) -> None:
    script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done"
    submission_id = commands.run(*place.submitting(script, "--wait")).stdout.strip()
    logs = ("logs", "--dispatcher", place.server.url, submission_id)
    for more in ((), ("--follow",)):
        assert commands.run(*logs, *more).stdout == "out 1\nout 2\nout 3\n"
        assert commands.run(*logs, *more, "--lines", "1").stdout == "out 3\n"
    assert commands.run(*logs, "--stderr", "--lines", "2").stdout.endswith("err 2\nerr 3\n")
    assert commands.run(*logs, "--lines", "0").stdout == ""


def test_logs_of_a_driver_that_waits_and_then_runs(commands: Commands, place: Place) -> None:
    queued = commands.run(*place.submitting("echo done", "--conf", "spark.mesos.driver.constraints=no:where"))
    submission_id = queued.stdout.strip()
    logs = ("logs", "--dispatcher", place.server.url, submission_id)
    refused = commands.run(*logs)
    assert refused.returncode == 1
    assert "was never launched" in refused.stderr
    following = commands.start(*logs, "-f")
    assert commands.run("kill", "--dispatcher", place.server.url, submission_id).returncode == 0
    out, err = following.communicate(timeout=60)
    assert (following.returncode, out) == (0, ""), err


@pytest.mark.proves("spark.mesos.driver.constraints", "spark.driver.cores", mode="cluster")
def test_why_a_driver_does_not_start(commands: Commands, place: Place) -> None:
    large = commands.start(*place.submitting("exit 0", "--driver-cores", "100", "--wait"))
    assert large.stdout is not None
    submission_id = large.stdout.readline().strip()
    lacks = "needs 100 cores, and the largest offer had 8 (last offers of 1 agent)"
    line_with(
        large, f"{submission_id}: queued: {lacks}. No agent has offered that much so far: ask for fewer"
    )
    url = place.server.url
    status = commands.run("status", "--dispatcher", url, submission_id)
    assert (status.returncode, status.stdout) == (0, "queued\n")
    assert f"not launched yet: {lacks}\n" in status.stderr
    following = commands.start("logs", "-f", "--dispatcher", url, submission_id)
    line_with(following, lacks)
    constraints = ("--conf", "spark.mesos.driver.constraints=no:where")
    elsewhere = commands.run(*place.submitting("exit 0", *constraints)).stdout.strip()
    records = {driver["id"]: driver for driver in report(commands, "list", "--dispatcher", url)}
    assert records[submission_id]["waits_for"]["largest_cores"] == 8.0
    waits_for = report(commands, "status", "--dispatcher", url, elsewhere)["waits_for"]
    assert (waits_for["cause"], waits_for["unmet_constraints"]) == (
        "constraints",
        [{"constraint": "no:where", "offered": []}],
    )
    assert waits_for["message"] == (
        "the only agent that made offers does not meet the constraint no:where (none has no)"
    )
    assert commands.run("kill", "--dispatcher", url, submission_id, elsewhere).returncode == 0
    assert large.wait(60) == 4
    assert following.wait(60) == 0


def test_commands_say_that_mesos_is_away(commands: Commands, tmp_path: Path) -> None:
    warning = "warning: the dispatcher is not in touch with Mesos now: the master at "
    with place_in(tmp_path) as (place, cluster):
        where = ("--dispatcher", place.server.url)
        running, other = (commands.run(*place.submitting("exec sleep 600")).stdout.strip() for _ in range(2))
        waiting = commands.start("status", "--wait", *where, running)
        line_with(waiting, "running: TASK_RUNNING")
        cluster.control.kill_master(0)
        line_with(waiting, "not in touch with Mesos now: the master at ")
        for line in (
            ("status", *where, running),
            ("list", *where),
            ("kill", *where, other),
            place.submitting("exit 0"),
        ):
            done = commands.run(*line)
            assert done.returncode == 0
            assert done.stderr.count(warning) == 1, done.stderr
            assert "Connection refused" in done.stderr
        assert "Connection refused" in report(commands, "status", *where, running)["mesos_problem"]
        cluster.control.start_master(0)
        line_with(waiting, "the dispatcher is in touch with Mesos again")
        for line in (("status", *where, running), ("list", *where), ("kill", *where, running)):
            done = commands.run(*line)
            assert (done.returncode, warning in done.stderr) == (0, False), done.stderr
        assert waiting.wait(60) == 4


def test_an_executor_that_there_is_not(commands: Commands, place: Place) -> None:
    submission_id = commands.run(*place.submitting("exit 0", "--wait")).stdout.strip()
    logs = ("logs", "--executor", "0", "--dispatcher", place.server.url, submission_id)
    for line in (logs, (*logs, "--master", place.mesos)):
        none = commands.run(*line)
        assert none.returncode == 1
        assert f"Mesos knows no executor 0 of {submission_id}" in none.stderr


def test_lists(commands: Commands, place: Place) -> None:
    url = place.server.url
    good, bad = (
        commands.run(*place.submitting(f"exit {code}", "--wait", "--name", f"code {code}")).stdout.strip()
        for code in (0, 5)
    )
    listed = report(commands, "list", "--dispatcher", url)
    assert [driver["id"] for driver in listed[:2]] == [bad, good], "the latest first"
    assert (listed[0]["state"], listed[0]["name"], listed[0]["exit_status"]) == ("failed", "code 5", 5)
    assert {d["state"] for d in report(commands, "list", "--dispatcher", url, "--state", "failed")} == {
        "failed"
    }
    line = commands.run("list", "--dispatcher", url, "--limit", "1").stdout
    assert line.split("\t")[:2] == [bad, "failed"]
    assert report(commands, "list", "--dispatcher", url, "--state", "retrying") == []
    status = report(commands, "status", "--dispatcher", url, good)
    assert (status["id"], status["state"], status["task_state"]) == (good, "succeeded", "TASK_FINISHED")


def test_what_nobody_knows(commands: Commands, place: Place) -> None:
    for command in ("status", "logs"):
        done = commands.run(command, "--dispatcher", place.server.url, "driver-20200101000000-0001")
        assert done.returncode == 1
        assert "knows no driver driver-20200101000000-0001" in done.stderr


def test_any_of_several_dispatchers_will_do(commands: Commands, place: Place, refusing_port: int) -> None:
    several = f"mesos://127.0.0.1:{refusing_port},127.0.0.1:{place.server.port}"
    line = [several if word == place.server.url else word for word in place.submitting("exit 0", "--wait")]
    done = commands.run(*line)
    assert done.returncode == 0, done.stderr
    assert commands.run("status", "--master", several, done.stdout.strip()).returncode == 0


def test_files_of_this_machine_are_staged_and_a_second_time_not(commands: Commands, place: Place) -> None:
    stage = commands.folder / "stage"
    (commands.folder / "data.txt").write_text("some data\n")
    line = [
        *place.submitting("", "--wait", "--files", "data.txt", "--stage", str(stage))[:-2],
        "app.py",
        "exit 0",
    ]
    refused = commands.run(*[word for word in line if word not in ("--stage", str(stage))])
    assert refused.returncode == 2
    assert "--stage" in refused.stderr
    first = commands.run(*line)
    assert first.returncode == 0, first.stderr
    staged = {path.name: path.stat().st_mtime_ns for path in stage.rglob("*") if path.is_file()}
    assert {"app.py", "data.txt"} <= set(staged)
    second = commands.run(*line)
    assert "app.py is there already" in second.stderr
    assert {path.name: path.stat().st_mtime_ns for path in stage.rglob("*") if path.is_file()} == staged


def test_a_dispatcher_that_wants_a_token_and_speaks_https(commands: Commands, place: Place) -> None:
    folder = commands.folder
    token, other, authority_file = (folder / name for name in ("token", "other", "authority.pem"))
    token.write_text("0123456789abcdef0123456789abcdef\n")
    other.write_text("x" * 32)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(authority_file))
    identity = folder / "identity.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(identity))
    server = our_dispatcher(
        place.mesos,
        folder / "dispatcher",
        ["--auth-token-file", str(token), "--tls-cert", str(identity), "--name", "guarded"],
    )
    url = f"mesos://https://127.0.0.1:{server.port}"
    line = [
        url if word == place.server.url else word for word in place.submitting("echo hi; exit 3", "--follow")
    ]
    known = {"SPARKMESOS_AUTH_TOKEN_FILE": str(token), "SPARKMESOS_CA_FILE": str(authority_file)}

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return commands.run(*arguments, timeout=120, **variables)

    server.start()
    try:
        done = run(*line, **known)
        # It may not have been up yet, which is no reason to wait for --follow.
        while done.returncode == 5 and not server.ended:
            done = run(*line, **known)
        assert done.returncode == 3, done.stderr + server.log
        submission_id, said = done.stdout.splitlines()
        assert said == "hi"
        for arguments, code, words, variables in (
            (line, 1, "wants a token", {"SPARKMESOS_CA_FILE": str(authority_file)}),
            ((*line[:1], "--auth-token-file", str(other), *line[1:]), 1, "and not this one", known),
            (line, 5, "a certificate that is not trusted", {"SPARKMESOS_AUTH_TOKEN_FILE": str(token)}),
            (("list", "--dispatcher", server.url), 1, f"Write {url}", known),
        ):
            refused = run(*arguments, **variables)
            assert (refused.returncode, words in refused.stderr) == (code, True), refused.stderr
            assert "0123456789abcdef" not in refused.stderr
        asked = run("status", "--dispatcher", url, submission_id, **known)
        assert (asked.returncode, asked.stdout) == (3, "failed\n"), asked.stderr
        assert run("list", "--dispatcher", url, **known).stdout.startswith(submission_id)
        logs = run("logs", "--dispatcher", url, submission_id, **known)
        assert logs.stdout == "hi\n", logs.stderr
        again = run("kill", "--dispatcher", url, submission_id, **known)
        assert "already terminated" in again.stderr
    finally:
        server.stop()


def test_who_reads_the_output_may_go_away(commands: Commands, place: Place) -> None:
    """As `head` does; the driver goes on, and nobody follows it for ever."""
    process = commands.start(*place.submitting("while :; do echo more; sleep 0.1; done", "--follow"))
    assert process.stdout is not None
    submission_id = process.stdout.readline().strip()
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.read()
    assert process.wait(60) == 141
    assert commands.run("kill", "--dispatcher", place.server.url, submission_id).returncode == 0
