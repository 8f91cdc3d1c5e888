"""What is done to the dispatcher, and to both in the foreground. Each case does the same to a side, and tells what came of it."""

from __future__ import annotations

import signal
import socket
import subprocess
from typing import Any

import requests

from sparkmesos_core.process_end import wait_for_end
from tests.integration.drop_in_scripts.playing import Seen, Stage, said, service_at
from tests.integration.drop_in_scripts.sides import PATIENCE, Daemon, Side, free_port, until

DISPATCHER, SERVICE = Daemon.DISPATCHER, Daemon.SHUFFLE_SERVICE


def the_foreground(side: Side, stage: Stage) -> Seen:
    """SPARK_NO_DAEMONIZE, for which empty is set, too."""
    seen: Seen = {}
    log = side.folder / "logs" / f"spark-{side.ident}-{SERVICE.value}-1-{socket.gethostname()}.out"
    log.parent.mkdir()
    log.touch()
    host = {"SPARK_MESOS_DISPATCHER_HOST": "127.0.0.1", "SPARK_MESOS_DISPATCHER_PORT": "0"}
    for daemon, value in ((SERVICE, ""), (DISPATCHER, "1")):
        port = free_port()
        own = {**service_at(port), **host, "SPARK_NO_DAEMONIZE": value, "SPARK_NICENESS": "1"}
        arguments = ("-m", stage.nobody, "--webui-port", str(port)) if daemon is DISPATCHER else ()
        script = side.start_in_foreground(daemon, *arguments, **own)
        seen[f"{daemon.name}: address"] = side.await_port(port)
        seen[f"{daemon.name}: files"] = [name for name in side.files() if daemon.value in name]
        seen[f"{daemon.name}: niceness"] = max(one.nice() for one in side.processes())
        script.send_signal(signal.SIGTERM)
        seen[f"{daemon.name}: exit code after SIGTERM"] = script.wait(PATIENCE)
        # One that is on its way out may be there for a moment.
        left = [one for one in side.processes() if not wait_for_end(one.pid, 1)]
        seen[f"{daemon.name}: runs on"] = bool(left)
        for one in left:
            one.kill()
            assert wait_for_end(one.pid, PATIENCE)
    return seen


def usage(side: Side, stage: Stage) -> Seen:
    """Command lines that start nothing, where the exit code is that of the daemon: in the foreground."""
    seen: Seen = {}
    for arguments in (
        ("--nonsense", "x"),
        (),
        ("--master", "local"),
        ("-m", stage.nobody, "-h", "127.0.0.1", "--verbose", "--help"),
        ("-m", stage.nobody, "--verbose", "--nonsense"),
        ("--port=0", "--help"),
    ):
        script = side.start_in_foreground(DISPATCHER, *arguments, SPARK_NO_DAEMONIZE="1")
        seen[" ".join(arguments).replace(stage.nobody, "MASTER")] = script.wait(PATIENCE)
    seen["files"] = side.files()
    return seen


def usage_in_the_background(side: Side, _stage: Stage) -> Seen:
    seen: Seen = {"start": side.start(DISPATCHER, "--nonsense").code}
    seen["files"] = side.files()
    return seen


def a_dispatcher(side: Side, stage: Stage) -> Seen:
    """All that can be said of one, and the second of this machine."""
    port = free_port()
    name = f"a dispatcher {side.ident}"
    properties = side.folder / "my properties.conf"
    properties.write_text("spark.mesos.dispatcher.webui.url http://ui.example/\nspark.mesos.role lost\n")
    own: dict[str, Any] = {
        "SPARK_MESOS_DISPATCHER_HOST": "192.0.2.1", "SPARK_MESOS_DISPATCHER_PORT": "1", "SPARK_MESOS_DISPATCHER_NUM": "2",
        "SPARK_DAEMON_JAVA_OPTS": side.environment["SPARK_DAEMON_JAVA_OPTS"] + " -Dspark.mesos.principal=someone",
    }  # fmt: skip
    arguments = (
        "-m", stage.master, "-h", "127.0.0.1", "-p", str(port), "--webui-port", "0", "--name", name,
        "--properties-file", str(properties), "--conf", "spark.mesos.role=ours",
    )  # fmt: skip
    start = side.start(DISPATCHER, *arguments, **own)
    seen: Seen = {"start": (start.code, side.anonymous(start.out)), "address": side.await_port(port)}
    found: list[dict[str, Any]] = []

    def registered() -> bool:
        everything = requests.get(f"{stage.master_http}/frameworks", timeout=10).json()["frameworks"]
        found[:] = [one for one in everything if one["name"] == name and one["active"]]
        return bool(found)

    until(registered, "Mesos knows it")
    told = ("webui_url", "role", "principal", "user", "checkpoint", "failover_timeout", "capabilities")
    seen["framework"] = {key: found[0].get(key) for key in told}
    answer = requests.get(f"http://127.0.0.1:{port}/v1/submissions/status/none", timeout=10)
    seen["answer"] = (answer.status_code, answer.json()["action"], answer.json()["serverSparkVersion"])
    seen["files"] = side.files()
    daemon = side.process(side.pid_file(DISPATCHER, 2))
    assert daemon is not None
    second = side.start(DISPATCHER, *arguments, **own)
    seen["second start"] = (second.code, second.out.replace(str(daemon.pid), "PID"))
    seen["stop of the first"] = said(side.stop(DISPATCHER))
    seen["runs on"] = daemon.is_running()
    seen["stop"] = said(side.stop(DISPATCHER, **own))
    assert wait_for_end(daemon.pid, PATIENCE)
    seen["files after stop"] = side.files()
    seen["stop again"] = said(side.stop(DISPATCHER, **own))
    return seen


def a_dispatcher_without_mesos(side: Side, stage: Stage) -> Seen:
    """It is started before Mesos is. Where it listens, and which number it has, the machine and spark-env.sh say."""
    port = free_port()
    (side.home / "conf" / "spark-env.sh").write_text(
        f"SPARK_MESOS_DISPATCHER_PORT={port}\nSPARK_MESOS_DISPATCHER_NUM=3\n"
    )
    seen: Seen = {"start": side.start(DISPATCHER, "--master", stage.nobody, "--webui-port", "0").code}
    daemon = side.process(side.pid_file(DISPATCHER, 3))
    assert daemon is not None
    until(lambda: daemon.net_connections("tcp"), "its pages are there")
    seen["files"] = side.files()
    seen["stop"] = said(side.stop(DISPATCHER))
    return seen


def a_port_of_a_dispatcher_in_use(side: Side, stage: Stage) -> Seen:
    own = {"SPARK_MESOS_DISPATCHER_HOST": "127.0.0.1", "SPARK_MESOS_DISPATCHER_PORT": "0"}
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code = side.start(DISPATCHER, "-m", stage.nobody, "--webui-port", port, **own).code
        daemon = side.process(side.pid_file(DISPATCHER))
        if daemon is not None:
            until(lambda: daemon.net_connections("tcp"), "it listens elsewhere")
        return {"start": code, "it runs": daemon is not None}


def the_host_of_a_dispatcher(side: Side, stage: Stage) -> Seen:
    port = free_port()
    arguments = ("--master", stage.master, "--webui-port", "0", "--name", f"a host {side.ident}")
    start = side.start(DISPATCHER, *arguments, SPARK_MESOS_DISPATCHER_PORT=str(port))
    seen: Seen = {"start": start.code, "address": side.await_port(port)}
    seen["it is that of the machine's name"] = seen["address"] == socket.gethostbyname(
        subprocess.check_output(["hostname", "-f"], text=True).strip()
    )
    return seen
