"""What is done to the shuffle service. Each case does the same to a side, and tells what came of it."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from sparkmesos_core.process_end import has_ended, wait_for_end
from tests.integration.drop_in_scripts.playing import Seen, Stage, said, service_at
from tests.integration.drop_in_scripts.sides import PATIENCE, Daemon, Side, free_port, until

DISPATCHER, SERVICE = Daemon.DISPATCHER, Daemon.SHUFFLE_SERVICE


def a_life(side: Side, _stage: Stage) -> Seen:
    """Start, start again, stop, stop again, start once more; logs move on."""
    port = free_port()
    own: dict[str, Any] = {
        **service_at(port), "SPARK_IDENT_STRING": "ops", "SPARK_NICENESS": "1", "SPARK_LOG_MAX_FILES": "2",
    }  # fmt: skip
    logs = side.folder / "logs"
    logs.mkdir()
    log = logs / f"spark-ops-{SERVICE.value}-1-{socket.gethostname()}.out"
    for older in ("", ".1", ".2", ".3"):
        Path(f"{log}{older}").write_text(f"was {older or 'the last'}")
    pid_file = side.pid_file(SERVICE, ident="ops")
    start = side.start(SERVICE, **own)
    seen: Seen = {"start": (start.code, side.anonymous(start.out)), "address": side.await_port(port)}
    daemon = side.process(pid_file)
    assert daemon is not None, "the pid file names the daemon"
    seen["niceness"] = daemon.nice()
    seen["files"] = side.files()
    seen["older logs"] = [Path(f"{log}{older}").read_text() for older in (".1", ".2", ".3")]
    seen["names its log"] = "MesosExternalShuffleService" in log.read_text()
    second = side.start(SERVICE, **own)
    seen["second start"] = (second.code, second.out.replace(str(daemon.pid), "PID"))
    seen["files after it"] = side.files()
    seen["the first runs on"] = side.process(pid_file) == daemon
    seen["stop"] = said(side.stop(SERVICE, **own))
    if side.ours:
        assert has_ended(daemon.pid), "we wait for its end"
    assert wait_for_end(daemon.pid, PATIENCE)
    seen["files after stop"] = side.files()
    seen["stop again"] = said(side.stop(SERVICE, **own))
    seen["start after stop"] = side.start(SERVICE, **own).code
    seen["files after that"] = side.files()
    return seen


def wrong_pid_files(side: Side, _stage: Stage) -> Seen:
    """Stop with pid files that name no daemon of ours."""
    pid_file = side.pid_file(SERVICE)
    pid_file.parent.mkdir()
    java = side.folder / "java"
    shutil.copy(shutil.which("sleep") or "", java)
    seen: Seen = {"stop without a file": said(side.stop(SERVICE))}
    for what, program in (("program", "sleep"), ("java", str(java))):
        with subprocess.Popen([program, "600"]) as other:
            pid_file.write_text(f"{other.pid}\n")
            seen[f"stop of another {what}"] = said(side.stop(SERVICE))
            seen[f"another {what} lives"] = not wait_for_end(other.pid, 1)
            other.kill()
        pid_file.unlink(missing_ok=True)
    with subprocess.Popen(["true"]) as gone:
        pid_file.write_text(f"{gone.pid}\n")
    seen["stop of one long gone"] = said(side.stop(SERVICE))
    seen["its file stays"] = pid_file.exists()
    for content in ("", "nonsense"):
        pid_file.write_text(content)
        seen[f"stop with {content!r}"] = said(side.stop(SERVICE))
    seen["a wrong option"] = side.stop(SERVICE, "--nonsense").code
    seen["wrong numbers"] = said(side.stop(SERVICE, SPARK_LOG_MAX_FILES="many", SPARK_NICENESS="much"))
    return seen


def defaults(side: Side, _stage: Stage) -> Seen:
    """No variable says where files are, nor whose they are. The daemon is to be less nice than others, if that may be."""
    port = free_port()
    own = {**service_at(port), "SPARK_LOG_DIR": None, "SPARK_PID_DIR": None, "SPARK_NICENESS": "-5"}
    if side.ours:
        own["SPARK_HOME"] = None  # for Spark's, what it is called in says
    seen: Seen = {"start": side.start(SERVICE, **own).code, "address": side.await_port(port)}
    pid_file = side.pid_file(SERVICE, folder=Path("/tmp"))
    daemon = side.process(pid_file)
    assert daemon is not None
    seen["niceness"] = daemon.nice()
    seen["logs"] = side.files()
    seen["stop"] = said(side.stop(SERVICE, **own))
    assert wait_for_end(daemon.pid, PATIENCE)
    seen["pid file"] = pid_file.exists()
    return seen


def spark_env(side: Side, _stage: Stage) -> Seen:
    """Files in SPARK_CONF_DIR say it all, and the host is called what a variable says. A daemon is long gone."""
    port = free_port()
    conf = side.folder / "conf.d"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text(f"spark.shuffle.service.port {port}\n")
    (conf / "spark-env.sh").write_text(
        "SPARK_PID_DIR=$SPARK_HOME/run\nSPARK_LOG_DIR=${SPARK_LOG_DIR:-$SPARK_HOME/elsewhere}\n"
        "SPARK_IDENT_STRING=ops SPARK_NICENESS=1\n"
    )
    own = {
        "SPARK_CONF_DIR": str(conf),
        "SPARK_PID_DIR": None,
        "SPARK_LOG_DIR": None,
        "HOSTNAME": "box.example",
    }
    pid_file = side.pid_file(SERVICE, ident="ops", folder=side.home / "run")
    pid_file.parent.mkdir()
    with subprocess.Popen(["true"]) as gone:
        pid_file.write_text(f"{gone.pid}\n")
    seen: Seen = {"start": side.start(SERVICE, **own).code, "address": side.await_port(port)}
    daemon = side.process(pid_file)
    assert daemon is not None
    seen["niceness"] = daemon.nice()
    seen["files"] = side.files()
    seen["stop"] = said(side.stop(SERVICE, **own))
    assert wait_for_end(daemon.pid, PATIENCE)
    return seen


def folders_with_spaces(side: Side, _stage: Stage) -> Seen:
    port = free_port()
    own = {
        **service_at(port),
        "SPARK_LOG_DIR": str(side.folder / "the logs"),
        "SPARK_PID_DIR": str(side.folder / "the pids"),
    }
    side.start(SERVICE, **own)
    pid_file = side.pid_file(SERVICE, folder=side.folder / "the pids")
    return {
        "it runs": side.process(pid_file) is not None,
        "files": side.files(),
        "stop": side.stop(SERVICE, **own).out.strip(),
    }


def a_port_in_use(side: Side, _stage: Stage) -> Seen:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        own = service_at(taken.getsockname()[1])
        seen: Seen = {"start": side.start(SERVICE, **own).code}
        until(lambda: side.process(side.pid_file(SERVICE)) is None, "it gives up")
        seen["pid file"] = side.pid_file(SERVICE).exists()
        foreground = side.start_in_foreground(SERVICE, **own, SPARK_NO_DAEMONIZE="1")
        seen["in the foreground"] = foreground.wait(PATIENCE)
    return seen


def wrong_settings(side: Side, _stage: Stage) -> Seen:
    """What cannot be."""
    seen: Seen = {}
    for value in ("0", "-1", "many"):
        ran = side.start(SERVICE, SPARK_LOG_MAX_FILES=value)
        seen[f"SPARK_LOG_MAX_FILES={value}"] = ran.code
        assert "SPARK_LOG_MAX_FILES" in ran.out + ran.err
    seen["files"] = side.files()
    (side.home / "conf" / "spark-env.sh").write_text("exit 7\n")
    seen["exit of spark-env.sh"] = side.start(SERVICE).code
    return seen


def options_of_the_service(side: Side, _stage: Stage) -> Seen:
    """Spark's script passes none on."""
    port = free_port()
    code = side.start(SERVICE, "--nonsense", **service_at(port)).code
    return {"start": code, "it runs": side.process(side.pid_file(SERVICE)) is not None}
