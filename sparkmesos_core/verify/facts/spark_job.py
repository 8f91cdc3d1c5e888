"""What comes of a real application of Spark on the cluster: for `--probe-spark`."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.preflight.need import executor_need
from sparkmesos_core.preflight.side_by_side import side_by_side
from sparkmesos_core.quoting import printable
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.spark.arguments import SubmitArguments
from sparkmesos_core.verify.facts.client import JAVA, LIBMESOS
from sparkmesos_core.verify.facts.cluster import AGENTS
from sparkmesos_core.verify.facts.cluster_state import AgentState
from sparkmesos_core.verify.facts.master import LEADER, agent_http, leader_http
from sparkmesos_core.verify.facts.probe import probe_seconds
from sparkmesos_core.verify.facts.probe_stages import SOUND
from sparkmesos_core.verify.known import Fact, Known
from sparkmesos_core.verify.named_agents import name_of
from sparkmesos_core.verify.probe.spark_job import (
    Course,
    SparkJob,
    command_line,
    common_port,
    own_settings,
)
from sparkmesos_core.verify.subject import ProbeOptions

if TYPE_CHECKING:
    from sparkmesos_core.submit.launch import Launch

logger = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_LEAVE_SECONDS = 10.0
_READ_SECONDS = 10.0
_READ_AGENTS = 5
_SHOWN_LINES = 15


def _spark_job(known: Known) -> SparkJob:
    subject = known.subject
    options = subject.probe or ProbeOptions()
    known[JAVA], known[LIBMESOS]
    sound = known[SOUND]
    agents = [agent for agent in known[AGENTS].agents if agent.facts.id in sound]
    master = known[LEADER].spark_url  # what becomes of others does not matter to so short an application
    alone = executor_need(own_settings(subject.configuration, master, 1, None) | _sizes(known))
    roomy = [agent for agent in agents if not alone.lacks(agent.free.available_to(alone.role))]
    busy = tuple(name_of(agent.facts) for agent in agents if agent not in roomy)
    if not roomy:
        return SparkJob(agents=0, busy=busy)
    port = common_port(roomy, alone.role, subject.configuration)
    settings = own_settings(subject.configuration, master, len(roomy), port)
    launch = _launch(known, settings, len(roomy), options.timeout)
    return replace(_run(known, launch, roomy, options.timeout), busy=busy)


SPARK_JOB: Fact[SparkJob] = Fact(
    "the probe of Spark",
    _spark_job,
    reported_by="probe-spark",
    seconds=probe_seconds,
    more_time="--probe-timeout",
)
"""One executor on each agent that has passed the probe and has room for it; the application ends with it."""


def _sizes(known: Known) -> dict[str, str]:
    """What else decides where an executor may start: role, overhead, ports, constraints."""
    own = ("spark.executor.", "spark.mesos.", "spark.blockManager.", "spark.task.")
    configuration = known.subject.configuration
    return {key: value for key, value in configuration.items() if key.startswith(own)}


def _launch(known: Known, settings: dict[str, str], executors: int, timeout: float) -> Launch:
    """The command that `submit` would become, for an application of ours. Raises what `client_mode` does."""
    from sparkmesos_core.submit import client_mode

    subject = known.subject
    client = subject.client
    line = command_line(client.arguments.given, settings, executors, timeout, os.getpid())
    ours = [Setting(key, value, Origin(Source.CONF, "--conf")) for key, value in settings.items()]
    client = replace(
        client,
        arguments=SubmitArguments.parse(line),
        configuration=client.configuration.above(ours),
        translated=tuple(one for one in client.translated if one.key not in settings),
    )
    submission = client_mode.plan(client, replace(subject.options, start_timeout=timeout))
    bridge = client_mode.bridge_for(submission, logger.info)
    return client_mode.launch(submission, settings["spark.master"], bridge, subject.environment)


def _run(known: Known, launch: Launch, agents: Sequence[AgentState], timeout: float) -> SparkJob:
    from sparkmesos_core.verify.probe.spark_driver import SparkDriver

    course = Course({agent.facts.id: name_of(agent.facts) for agent in agents})
    lock = threading.Lock()

    def on_line(line: str) -> None:
        with lock:
            course.on_line(printable(redact_text(line)))

    began = time.monotonic()
    driver = SparkDriver(launch, on_line)
    known.on_close(driver.close)
    status: int | None = None
    succeeded = False
    words: dict[str, tuple[str, ...]] = {}
    try:
        while status is None and time.monotonic() < began + timeout:
            status = driver.wait(_POLL_SECONDS)
            _look(known, course, lock)
            with lock:
                decided, succeeded = course.is_decided, course.has_succeeded
            if decided:
                break
        seconds = time.monotonic() - began
        if succeeded:
            status = driver.wait(_LEAVE_SECONDS)  # it ends by itself
        words = _words(known, course, agents)
    finally:
        driver.close()
    return course.result(status=status, seconds=seconds, words=words)


def _look(known: Known, course: Course, lock: threading.Lock) -> None:
    """Ask the master for the application's tasks; it may fail now and then."""
    with lock:
        framework = course.framework
    if not framework:
        return
    with contextlib.suppress(SparkMesosError), leader_http(known) as http:
        most = 100 + 4 * len(course.agents)
        answer: Any = http.get_json("/tasks", framework_id=framework, limit=most, order="des")
        with lock:
            course.on_tasks(answer.get("tasks", ()))


def _words(known: Known, course: Course, agents: Sequence[AgentState]) -> dict[str, tuple[str, ...]]:
    """The end of what executors without success have written to their stderr, on some agents."""
    where = {agent.facts.id: agent for agent in agents}
    jobs = {
        id: partial(_tail, known, where[id], course.framework, task.id)
        for id, task in list(course.unsuccessful().items())[:_READ_AGENTS]
    }
    outcome = side_by_side(jobs, time.monotonic() + _READ_SECONDS)
    return dict(outcome.results)


def _tail(known: Known, agent: AgentState, framework: str, executor: str) -> tuple[str, ...]:
    from sparkmesos_core.mesos.sandbox_files import SandboxFiles

    with agent_http(known, agent.facts.host, agent.facts.port) as http:
        files = SandboxFiles(http)
        path = f"{files.directory(framework, executor)}/stderr"
        start, end = files.start_of_last_lines(path, _SHOWN_LINES)
        text = b"".join(files.pieces(path, start, end)).decode("utf-8", "replace")
    return tuple(printable(redact_text(line)) for line in text.splitlines() if line.strip())
