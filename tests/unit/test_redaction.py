from __future__ import annotations

import pytest

from sparkmesos_core.redaction import redact_arguments, redact_text


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("spark.mesos.secret=hunter2", "spark.mesos.secret=***"),
        ("--conf=spark.mesos.driver.secret.values=a,b", "--conf=spark.mesos.driver.secret.values=***"),
        ("AWS_SECRET_ACCESS_KEY=x=y", "AWS_SECRET_ACCESS_KEY=***"),
        ("spark.hadoop.fs.s3a.access.key=AKIA", "spark.hadoop.fs.s3a.access.key=***"),
        ("spark.cores.max=4", "spark.cores.max=4"),
        ("mesos://zk://user:pass@h:2181/mesos", "mesos://zk://user:***@h:2181/mesos"),
        ("mesos://zk://user:p@ss@h:2181/mesos", "mesos://zk://user:***@h:2181/mesos"),
        ("https://u:p@repo/app.jar?x=1", "https://u:***@repo/app.jar?x=1"),
        (
            "spark.driver.extraJavaOptions=-Dmy.password=a -Dx=y",
            "spark.driver.extraJavaOptions=-Dmy.password=*** -Dx=y",
        ),
        ("--conf", "--conf"),
        ("plain", "plain"),
    ],
)
def test_arguments(argument: str, expected: str) -> None:
    assert redact_arguments([argument]) == [expected]


def test_text() -> None:
    assert (
        redact_text("cannot reach zk://a:b@h/x, nor http://h/")
        == "cannot reach zk://a:***@h/x, nor http://h/"
    )
