"""Drivers in every state, for tests of what shows them, and to look at: `python -m tests.sample_drivers`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from sparkmesos_core.dispatcher.drivers.driver import Driver, Launch, Outcome, State
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.durable_framework.task_status import TaskStatus
from tests.in_memory_dispatcher import InMemoryDispatcher

EVIL = "<script>document.title='owned'</script><b>bold</b>"
SECRET = "hunter2-is-a-secret"
FRAMEWORK = "5e0a-0001"

SUBMISSION = Submission(
    app_resource="https://repo.example/etl/nightly-etl-2.4.jar",
    main_class="com.example.etl.Nightly",
    app_args=("--date", "2026-01-31", f"--db-password={SECRET}", "two\nlines"),
    properties={
        "spark.app.name": "Nightly ETL",
        "spark.driver.memory": "2g",
        "spark.executor.uri": "hdfs://namenode:8020/dist/spark-3.5.9.tgz",
        "spark.mesos.driver.secret.values": SECRET,
        "spark.hadoop.fs.s3a.secret.key": SECRET,
        "spark.executor.extraJavaOptions": f"-Dquiet=true -Dstore.password={SECRET}",
        "spark.some.url": f"https://user:{SECRET}@repo.example/x?X-Amz-Signature={SECRET}",
    },
    environment={"SPARK_ENV_LOADED": "1", "AWS_SECRET_ACCESS_KEY": SECRET},
    name="Nightly ETL",
    cores=2,
    heap=2048,
    memory=2432,
    client_version="3.5.9",
)


def sample_driver(number: int, at: float, submission: Submission = SUBMISSION, **fields: Any) -> Driver:
    return Driver(f"driver-20260131120000-{number:04d}", number, submission, at, **fields)


def launched(driver: Driver, at: float, agent: int = 0, *, agent_url: str | None = None) -> Driver:
    """The same driver, handed to Mesos at `at`."""
    host = f"agent-{agent}.example"
    launch = Launch(
        task_id=driver.id,
        agent_id=f"f6d8d1d5-3a4c-4f5e-8a4f-64b5a2c1b9aa-S{agent}",
        agent_host=host,
        agent_url=f"http://{host}:5051" if agent_url is None else agent_url,
        framework_id=f"{FRAMEWORK}-{driver.id}",
        at=at,
    )
    return replace(driver, state=State.LAUNCHED, launch=launch, launches=driver.launches + 1)


def said(driver: Driver, state: str, message: str = "", at: float = 0.0, reason: str = "") -> Driver:
    """The same driver after a status update about its latest task."""
    assert driver.launch is not None
    status = TaskStatus(
        driver.launch.task_id,
        state,
        driver.launch.agent_id,
        message,
        reason,
        "SOURCE_EXECUTOR",
        at,
        "dXVpZA==",
    )
    return replace(driver, status=status, launch=replace(driver.launch, started=True))


def ended(driver: Driver, outcome: Outcome, at: float, detail: str = "") -> Driver:
    return replace(driver, state=State.FINISHED, outcome=outcome, finished_at=at, detail=detail)


def sample_drivers(now: float) -> list[Driver]:
    """One of each kind, with names that are no good HTML among them."""
    python = replace(
        SUBMISSION, app_resource="s3://apps/report.py", main_class="", name="Hourly report", cores=0.5
    )
    evil = replace(SUBMISSION, name=EVIL, main_class="x", app_args=(EVIL,), properties={EVIL: EVIL})
    urgent = replace(SUBMISSION, name="Fraud detection", queue="urgent", priority=5.0)
    supervised = replace(SUBMISSION, name="Click stream", supervise=True, max_retries=10)
    return [
        ended(
            said(
                launched(sample_driver(1, now - 90000), now - 89990),
                "TASK_FINISHED",
                "Command exited with status 0",
            ),
            Outcome.SUCCEEDED,
            now - 86000,
        ),
        ended(
            said(
                launched(sample_driver(2, now - 7300, python), now - 7290, 1),
                "TASK_FAILED",
                "Command exited with status 3",
                now - 7200,
                "REASON_COMMAND_EXECUTOR_FAILED",
            ),
            Outcome.FAILED,
            now - 7200,
        ),
        ended(sample_driver(3, now - 4000), Outcome.KILLED, now - 3900, "Killed while it was queued"),
        ended(
            said(
                launched(sample_driver(4, now - 3000), now - 2999, 2),
                "TASK_LOST",
                "Agent agent-2.example marked unreachable",
                now - 2000,
                "REASON_AGENT_REMOVED",
            ),
            Outcome.LOST,
            now - 2000,
        ),
        ended(sample_driver(5, now - 900, evil), Outcome.FAILED, now - 899, f"No Spark home: {EVIL}"),
        said(launched(sample_driver(6, now - 800), now - 790), "TASK_RUNNING", at=now - 785),
        said(launched(sample_driver(7, now - 400, python), now - 395, 1), "TASK_STAGING", at=now - 395),
        launched(sample_driver(8, now - 30, urgent), now - 1, 1),
        replace(
            said(launched(sample_driver(9, now - 300), now - 290, 2), "TASK_RUNNING", at=now - 280),
            kill_requested=True,
        ),
        replace(
            said(
                launched(sample_driver(10, now - 5000, supervised), now - 60, 1),
                "TASK_FAILED",
                "Command exited with status 1",
                now - 20,
                "REASON_COMMAND_EXECUTOR_FAILED",
            ),
            state=State.RETRYING,
            retries=3,
            launches=3,
            wait=32.0,
            next_retry_at=now + 12,
        ),
        sample_driver(11, now - 200),
        sample_driver(12, now - 100, evil),
        sample_driver(13, now - 50, urgent),
    ]


def sample_dispatcher(now: float) -> InMemoryDispatcher:
    dispatcher = InMemoryDispatcher()
    dispatcher.by_id = {driver.id: driver for driver in sample_drivers(now)}
    return dispatcher


def many_drivers(count: int, now: float) -> list[Driver]:
    """So many queued ones."""
    return [
        sample_driver(number, now - count + number, replace(SUBMISSION, name=f"Job {number}"))
        for number in range(1, count + 1)
    ]


def main() -> None:
    """Serves the pages of the sample on a free port until it is interrupted."""
    from tests.pages_server import serve_pages

    now = time.time()
    dispatcher = sample_dispatcher(now)
    dispatcher.by_id |= {driver.id: driver for driver in many_drivers(300, now)[13:]}
    with serve_pages(dispatcher, history_server="https://history.example") as server:
        print(server.url, flush=True)
        server.wait()


if __name__ == "__main__":
    main()
