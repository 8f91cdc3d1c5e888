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
        ("fs.azure.account.key.mine=x", "fs.azure.account.key.mine=***"),
        ("MYSQL_PWD=x", "MYSQL_PWD=***"),
        ("--password=x", "--password=***"),
        ("spark.cores.max=4", "spark.cores.max=4"),
        ("mesos://zk://user:pass@h:2181/mesos", "mesos://zk://user:***@h:2181/mesos"),
        ("mesos://zk://user:p@ss@h:2181/mesos", "mesos://zk://user:***@h:2181/mesos"),
        ("https://u:p@repo/app.jar?x=1", "https://u:***@repo/app.jar?x=1"),
        ("https://h/a.tgz?X-Amz-Signature=0a1b&x=1", "https://h/a.tgz?X-Amz-Signature=***&x=1"),
        ("https://h/a.tgz?se=2030&sig=a%2Bb", "https://h/a.tgz?se=2030&sig=***"),
        ("https://h/a.tgz?design=1&sigma=2", "https://h/a.tgz?design=1&sigma=2"),
        ("https://u:p/w@h/x.jar,https://h/y.jar", "https://u:***@h/x.jar,https://h/y.jar"),
        (
            "spark.x.url=jdbc:pg://h/d?user=u&password=hunter2&x=1",
            "spark.x.url=jdbc:pg://h/d?user=u&password=***&x=1",
        ),
        ("a=-Dmy.password=a -Dx=y", "a=-Dmy.password=*** -Dx=y"),
        (r"a=-Dx=y -Dmy.password=a\ b", "a=-Dx=y -Dmy.password=***"),
        ('a="-Dmy.token=hun ter6" -Dx=y', 'a="-Dmy.token=***'),
        (
            "a=x-Dmy.token=b -D-Dtoken=c -Dtoken= -D=token",
            "a=x-Dmy.token=*** -D-Dtoken=*** -Dtoken=*** -D=token",
        ),
        ("a=-Dx=-Dtoken=b -Dy", "a=-Dx=-Dtoken=b -Dy"),
        ('a="-Dmy.name=x y"', 'a="-Dmy.name=x y"'),
        ("https://h/#access_token=abc", "https://h/#access_token=***"),
        ("https://h/?next=http://i/?token=abc&x=1", "https://h/?next=http://i/?token=***&x=1"),
        ("--conf", "--conf"),
        ("plain", "plain"),
    ],
)
def test_arguments(argument: str, expected: str) -> None:
    assert redact_arguments([argument]) == [expected]


def test_the_value_behind_a_secret_option() -> None:
    shown = redact_arguments(["app.py", "--password", "hunter2", "--user", "u", "--token"])
    assert shown == ["app.py", "--password", "***", "--user", "u", "--token"]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 200_000,
        "?" + "token" * 40_000,
        "://a" * 50_000,
        "://a:" * 50_000,
        "-Da" * 70_000,
        "-D" * 100_000 + "=",
        "-Da=-D" * 30_000,
        "-Dtoken=*** " * 20_000,
    ],
)
def test_the_time_that_it_takes_grows_no_faster_than_the_text(text: str) -> None:
    assert redact_text(text) == text  # tried at every character, this would take many minutes


def test_text() -> None:
    assert (
        redact_text("cannot reach zk://a:b@h/x, nor http://h/")
        == "cannot reach zk://a:***@h/x, nor http://h/"
    )
