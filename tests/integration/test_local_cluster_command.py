from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.integration.zookeeper import ZooKeeperServer


def get(url: str) -> Any:
    return requests.get(url, timeout=10).json()


def http(mesos_url: str) -> str:
    return mesos_url.replace("mesos://", "http://")


@pytest.fixture
def url(commands) -> str:
    """The URL of a cluster in the default work dir, stopped with the test."""
    started = commands.run("start-local-cluster", "--port", "0")
    assert started.returncode == 0, started.stderr
    return started.stdout.strip()


def test_the_url_alone_is_on_stdout_and_the_cluster_is_ready(commands) -> None:
    # `run` reads both streams to their end: it would hang if the daemon kept one open.
    started = commands.run(
        "start-local-cluster", "--port", "0", "--agents", "3", "--cpus", "1.5", "--mem", "512"
    )
    assert started.returncode == 0
    assert started.stdout.startswith("mesos://127.0.0.1:")
    assert started.stdout.count("\n") == 1
    agents = get(http(started.stdout.strip()) + "/slaves")["slaves"]
    assert [(agent["resources"]["cpus"], agent["resources"]["mem"]) for agent in agents] == [(1.5, 512.0)] * 3
    stopped = commands.run("stop-local-cluster")
    assert (stopped.returncode, stopped.stdout) == (0, "")
    assert commands.wait_for_no_process() == []


def test_json(commands) -> None:
    started = commands.run("start-local-cluster", "--port", "0", "--output", "json", "--work-dir", "mine")
    content = json.loads(started.stdout)
    assert content["version"] == 1
    cluster = content["cluster"]
    assert cluster["work_dir"] == str(commands.folder / "mine")
    assert get(cluster["http_url"] + "/version")["version"]
    assert len([get(agent + "/state") for agent in cluster["agents"]]) == 2
    assert psutil.pid_exists(cluster["pid"])


def test_attributes(commands) -> None:
    arguments = ["--attributes", "os:centos7;rackid:3", "--attributes", "os:debian12"]
    started = commands.run("start-local-cluster", "--port", "0", *arguments)
    agents = get(http(started.stdout.strip()) + "/slaves")["slaves"]
    assert sorted((agent["attributes"] for agent in agents), key=str) == [
        {"os": "centos7", "rackid": 3.0},
        {"os": "debian12"},
    ]


def test_several_masters_that_want_credentials(commands, zookeeper: ZooKeeperServer) -> None:
    (commands.folder / "known").write_text("spark hush1\n")
    (commands.folder / "known").chmod(0o600)
    (commands.folder / "zk").write_text(f"zk://mesos:hush2@{zookeeper.hosts}/mesos")
    arguments = ["--port", "0", "--masters", "2", "--zk", f"file://{commands.folder}/zk", "--output", "json"]
    started = commands.run("start-local-cluster", *arguments, "--credentials", "known")
    assert started.returncode == 0, started.stderr
    cluster = json.loads(started.stdout)["cluster"]
    assert cluster["url"] == f"mesos://zk://{zookeeper.hosts}/mesos"
    assert len(cluster["masters"]) == 2
    assert "2 masters" in started.stderr
    for url in (*cluster["masters"], *cluster["agents"]):
        assert requests.get(f"{url}/flags", timeout=10).status_code == 401
        flags = requests.get(f"{url}/flags", auth=("spark", "hush1"), timeout=10).json()["flags"]
        assert flags["authenticate_http_readonly"] == "true"
    page = requests.get(cluster["http_url"], timeout=10).text
    assert "wants credentials" in page
    assert requests.get(f"{cluster['http_url']}/?sign-in", timeout=10).status_code == 401
    assert "Agents" in requests.get(cluster["http_url"], auth=("spark", "hush1"), timeout=10).text
    # Secrets are nowhere to be seen.
    state = Path(cluster["work_dir"], "cluster.json").read_text()
    log = Path(cluster["work_dir"], "cluster.log").read_text()
    seen = " ".join(psutil.Process(cluster["pid"]).cmdline()) + state + log + started.stdout + started.stderr
    assert "hush" not in seen
    assert "hush" not in str(psutil.Process(cluster["pid"]).environ())
    assert commands.run("stop-local-cluster").returncode == 0
    assert commands.wait_for_no_process() == []


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooKeeperServer]:
    with ZooKeeperServer(tmp_path_factory.mktemp("zookeeper")) as running:
        yield running


def test_credentials_that_others_may_read(commands) -> None:
    (commands.folder / "known").write_text("spark hush\n")
    (commands.folder / "known").chmod(0o644)
    started = commands.run("start-local-cluster", "--port", "0", "--credentials", "known")
    assert started.returncode == 0
    assert "everybody on this machine may read known" in started.stderr


def test_flags_of_mesos(commands) -> None:
    arguments = ["--agent-ping-timeout", "1500ms", "--max-agent-ping-timeouts", "3"]
    arguments += ["--executor-registration-timeout", "5mins", "--roles", "etl,spark"]
    started = commands.run("start-local-cluster", "--port", "0", *arguments)
    flags = get(http(started.stdout.strip()) + "/flags")["flags"]
    assert (flags["agent_ping_timeout"], flags["max_agent_ping_timeouts"]) == ("1500ms", "3")
    assert flags["roles"] == "etl,spark"
    [agent, *_] = get(http(started.stdout.strip()) + "/slaves")["slaves"]
    flags = get(f"http://{agent['hostname']}:{agent['port']}/flags")["flags"]
    assert flags["executor_registration_timeout"] == "5mins"


def test_the_logs_of_the_cluster_through_its_nodes(commands, url: str) -> None:
    answer = requests.get(f"{http(url)}/files/read?path=/master/log&offset=0", timeout=10).json()
    assert "has registered" in answer["data"]
    [agent, *_] = get(http(url) + "/slaves")["slaves"]
    own = get(f"http://{agent['hostname']}:{agent['port']}/files/read?path=/slave/log&offset=0")["data"]
    assert re.fullmatch(r"I\d{8} \S+ +\d+ agent\.py:\d+\] Agent \S+ is registered with master \S+\n", own)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--masters", "2"], "2 masters need a ZooKeeper"),
        (["--masters", "0"], "--masters"),
        (["--zk", "localhost:2181/mesos"], "does not begin with zk://"),
        (["--zk", "zk://me:hush@localhost:2181"], "has no path"),
        (["--credentials", "nope"], "cannot be read"),
        (["--agent-ping-timeout", "15"], "is no time"),
        (["--executor-registration-timeout", "0secs"], "is no time"),
        (["--roles", "etl,"], "is no role"),
        (["--max-agent-ping-timeouts", "0"], "--max-agent-ping-timeouts"),
        (["--mem", "9" * 30], "--mem"),
        (["--cpus", "1e308"], "--cpus"),
        (["--work-dir", ""], "a folder has to have a name"),
    ],
)
def test_options_that_are_no_good(commands, arguments: list[str], problem: str) -> None:
    started = commands.run("start-local-cluster", "--port", "0", *arguments)
    assert started.returncode == 2
    assert problem in started.stderr
    assert "hush" not in started.stderr
    assert commands.wait_for_no_process() == []


def test_a_zookeeper_that_does_not_answer(commands) -> None:
    started = commands.run("start-local-cluster", "--port", "0", "--zk", "zk://127.0.0.1:1/mesos")
    assert started.returncode == 5
    assert "ZooKeeper (127.0.0.1:1) does not answer" in started.stderr
    assert commands.wait_for_no_process() == []


def test_bad_attributes(commands) -> None:
    started = commands.run("start-local-cluster", "--port", "0", "--attributes", "nonsense")
    assert started.returncode == 2
    assert "nonsense" in started.stderr
    assert commands.wait_for_no_process() == []


def test_a_second_cluster_in_the_same_work_dir(commands, url: str) -> None:
    second = commands.run("start-local-cluster", "--port", "0")
    assert second.returncode == 1
    assert second.stdout == ""
    assert "runs already in" in second.stderr
    assert url in second.stderr
    assert get(http(url) + "/version")["version"]


def test_a_second_cluster_in_another_work_dir(commands, url: str) -> None:
    second = commands.run("start-local-cluster", "--port", "0", "--work-dir", "second")
    assert second.returncode == 0
    assert second.stdout.strip() != url
    assert commands.run("stop-local-cluster", "--work-dir", "second").returncode == 0
    assert get(http(url) + "/version")["version"]


def test_a_busy_port(commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        started = commands.run("start-local-cluster", "--port", str(port))
        assert started.returncode == 1
        assert f"{port}" in started.stderr
        assert "Traceback" not in started.stderr
    assert commands.wait_for_no_process() == []
    assert commands.run("start-local-cluster", "--port", str(port)).returncode == 0


def test_modules_in_the_current_folder_are_not_ours(commands) -> None:
    for name in ("uuid.py", "queue.py", "requests.py"):
        (commands.folder / name).write_text("raise SystemExit('somebody else's module')\n")
    started = commands.run("start-local-cluster", "--port", "0")
    assert started.returncode == 0, started.stderr


@pytest.mark.parametrize("cpus", ["nan", "inf", "0", "many"])
def test_a_wrong_number_of_cpus(commands, cpus: str) -> None:
    run = commands.run("start-local-cluster", "--port", "0", "--cpus", cpus)
    assert run.returncode == 2
    assert "--cpus" in run.stderr
    assert "Traceback" not in run.stderr


def test_interrupted_while_it_starts(commands) -> None:
    process = commands.start("start-local-cluster", "--port", "0")
    while not (commands.folder / "state" / "local-cluster" / "lock").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    if process.returncode == 0:  # it was faster
        assert commands.run("stop-local-cluster").returncode == 0
    else:
        assert process.returncode == 130
    assert commands.wait_for_no_process() == []
    assert commands.run("start-local-cluster", "--port", "0").returncode == 0


def test_an_unusable_work_dir(commands) -> None:
    (commands.folder / "file").touch()
    started = commands.run("start-local-cluster", "--port", "0", "--work-dir", "file/x")
    assert started.returncode == 1
    assert "cannot be used" in started.stderr


@pytest.mark.parametrize("target", ["/dev/full", "closed"])
def test_a_cluster_whose_url_nobody_gets_is_stopped(commands, target: str) -> None:
    close = ">&-" if target == "closed" else f">{target}"
    script = f'"$0" start-local-cluster --port 0 {close}'
    command = ["bash", "-c", script, str(Path(sys.executable).parent / "sparkmesos")]
    run = subprocess.run(
        command,
        env={**commands.environment, "SPARKMESOS_TEST_MARK": commands.mark},
        cwd=commands.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("error: The result cannot be written to stdout")
    assert commands.wait_for_no_process() == []
    assert "No local cluster runs" in commands.run("stop-local-cluster").stderr


def test_nothing_to_stop(commands) -> None:
    stopped = commands.run("stop-local-cluster")
    assert stopped.returncode == 1
    assert "No local cluster runs in" in stopped.stderr


def test_a_foreign_state_file_is_left_alone(commands) -> None:
    (commands.folder / "mine").mkdir()
    (commands.folder / "mine" / "cluster.json").write_text('{"precious": true}')
    started = commands.run("start-local-cluster", "--port", "0", "--work-dir", "mine")
    assert started.returncode == 1
    assert "holds 'cluster.json', which is not a local cluster's" in started.stderr
    stopped = commands.run("stop-local-cluster", "--work-dir", "mine")
    assert stopped.returncode == 1
    assert "is not the state file of a local cluster" in stopped.stderr
    assert (commands.folder / "mine" / "cluster.json").read_text() == '{"precious": true}'


def test_a_killed_cluster_is_cleared_up(commands, url: str) -> None:
    state = json.loads((commands.folder / "state" / "local-cluster" / "cluster.json").read_text())
    # A task that outlived its agent, as after a SIGKILL of the whole cluster.
    sandbox = commands.folder / "state" / "local-cluster" / "agent-0" / "sandbox"
    orphan = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.pause()"], env={"MESOS_SANDBOX": str(sandbox)}
    )
    process = psutil.Process(state["pid"])
    process.kill()
    process.wait(10)
    stopped = commands.run("stop-local-cluster")
    assert stopped.returncode == 0
    assert "had already ended" in stopped.stderr
    assert orphan.wait(10) == -signal.SIGKILL
    assert commands.run("start-local-cluster", "--port", "0").returncode == 0


def test_a_pid_that_is_now_somebody_elses_is_not_killed(commands, url: str) -> None:
    file = commands.folder / "state" / "local-cluster" / "cluster.json"
    state = json.loads(file.read_text())
    cluster = psutil.Process(state["pid"])
    cluster.kill()
    cluster.wait(10)
    bystander = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        file.write_text(json.dumps({**state, "pid": bystander.pid}))
        assert commands.run("stop-local-cluster").returncode == 0
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground(commands, number: signal.Signals) -> None:
    process = commands.start("start-local-cluster", "--port", "0", "--foreground")
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert get(http(url) + "/version")["version"]
    assert process.stderr is not None
    assert " leads; " in process.stderr.readline()
    second = commands.run("start-local-cluster", "--port", "0")
    assert "runs already in" in second.stderr
    process.send_signal(number)
    assert process.wait(20) == 0
    assert commands.wait_for_no_process() == []


def test_in_a_script_a_cluster_in_the_foreground_is_left_alone_by_ctrl_c(commands) -> None:
    """There shells start `… &` with SIGINT ignored; SIGTERM ends it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which children inherit
    try:
        process = commands.start("start-local-cluster", "--port", "0", "--foreground")
        assert process.stdout is not None
        url = process.stdout.readline().strip()
    finally:
        signal.signal(signal.SIGINT, before)
    process.send_signal(signal.SIGINT)
    assert get(http(url) + "/version")["version"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert commands.wait_for_no_process() == []


def test_stop_ends_a_cluster_in_the_foreground(commands) -> None:
    process = commands.start("start-local-cluster", "--port", "0", "--foreground")
    assert process.stdout is not None
    process.stdout.readline()
    assert commands.run("stop-local-cluster").returncode == 0
    assert process.wait(20) == 0


def test_sandboxes_stay_until_the_next_start(commands, url: str, run_task) -> None:
    sandbox = run_task(http(url), "echo kept")
    log = (commands.folder / "state" / "local-cluster" / "cluster.log").read_text()
    assert "has subscribed" in log
    assert "is TASK_FINISHED (Command exited with status 0)" in log
    assert (sandbox / "stdout").read_text() == "kept\n"
    commands.run("stop-local-cluster")
    assert (sandbox / "stdout").read_text() == "kept\n"
    commands.run("start-local-cluster", "--port", "0")
    assert not sandbox.exists()


def test_tasks_get_the_environment_that_was_given(commands, run_task) -> None:
    variables = json.dumps({"PATH": os.defpath, "COLOUR": "green"})
    started = commands.run(
        "start-local-cluster", "--port", "0", "--executor-environment-variables", variables
    )
    sandbox = run_task(http(started.stdout.strip()), 'echo "$COLOUR $JAVA_HOME $SPARKMESOS_TEST_MARK"')
    assert (sandbox / "stdout").read_text().split() == ["green"]


def test_tasks_get_a_java_and_a_python_that_work(commands, url: str, run_task) -> None:
    sandbox = run_task(
        http(url), 'java -version 2>&1 | head -n 1; "$JAVA_HOME/bin/java" -version && python3 -V'
    )
    lines = (sandbox / "stdout").read_text().splitlines()
    assert "17" in lines[0]
    assert lines[1] == f"Python {sys.version.split()[0]}"


def test_tasks_end_with_the_cluster(commands, url: str, run_task) -> None:
    sandbox = run_task(http(url), "sleep 600", until="TASK_RUNNING")
    assert Path(sandbox).is_dir()
    commands.run("stop-local-cluster")
    assert commands.wait_for_no_process() == []
