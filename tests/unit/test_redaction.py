from __future__ import annotations

import pytest

from sparkmesos_core.redaction import is_secret_name, redact_arguments, redact_text


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
        ("a=-Dx=-Dtoken=b,c -Dy", "a=-Dx=-Dtoken=*** -Dy"),
        ("a=-Djavax.net.ssl.trustStorePassword=x", "a=-Djavax.net.ssl.trustStorePassword=***"),
        (
            "spark.mesos.executor.docker.parameters=env=DB_PASSWORD=a b,volume=/a:/b,env=X=1",
            "spark.mesos.executor.docker.parameters=env=DB_PASSWORD=***,volume=/a:/b,env=X=1",
        ),
        ("x=user=u password=a,b c=d", "x=user=u password=*** c=d"),
        ("x=env=A_TOKEN='a, b=c',d=e", "x=env=A_TOKEN=***"),
        ("jdbc:sqlserver://h;user=u;password=a&b;x=y", "jdbc:sqlserver://h;user=u;password=***;x=y"),
        ("spark.mesos.secret.file=/etc/secret", "spark.mesos.secret.file=/etc/secret"),
        ("--token-file=/etc/token", "--token-file=/etc/token"),
        ('a="-Dmy.name=x y"', 'a="-Dmy.name=x y"'),
        ("https://h/#access_token=abc", "https://h/#access_token=***"),
        ("https://h/?next=http://i/?token=abc&x=1", "https://h/?next=http://i/?token=***&x=1"),
        ("--conf", "--conf"),
        ("plain", "plain"),
    ],
)
def test_arguments(argument: str, expected: str) -> None:
    assert redact_arguments([argument]) == [expected]


@pytest.mark.parametrize(
    "name",
    [
        "spark.hadoop.fs.s3a.secret.key",
        "spark.executorEnv.AWS_SECRET_ACCESS_KEY",
        "spark.mesos.dispatcher.driverDefault.spark.mesos.secret",
        "spark.ssl.keyStorePassword",
        "spark.my.accesstokenvalue",
        "spark.hadoop.fs.s3a.access.key",
        "spark.x.accesskey",
        "DB_PASSWORD",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "spark.mesos.dispatcher.driverDefault.spark.mesos.secret.file",
        "spark.kubernetes.authenticate.oauthTokenFile",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "spark.hadoop.fs.s3a.aws.credentials.provider",
        "spark.hadoop.hadoop.security.credential.provider.path",
        "spark.security.credentials.hive.enabled",
        "spark.sql.shuffle.tokenize",
        "spark.authenticate.secretBitLength",
        "spark.mesos.executor.secret.envkeys",
    ],
)
def test_names_of_what_is_about_a_secret(name: str) -> None:
    assert not is_secret_name(name)


def test_every_name_that_spark_redacts_is_redacted_unless_it_is_about_a_secret() -> None:
    for part in ("secret", "password", "token", "access.key", "accesskey"):
        for name in (part, part.upper(), f"spark.a{part}b", f"X_{part}_Y"):
            assert is_secret_name(name)


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
        ",".join(["token=***"] * 20_000),
        "token=***,a=" + "," * 200_000,
        "token=***,a=" + ",b" * 100_000,
    ],
)
def test_the_time_that_it_takes_grows_no_faster_than_the_text(text: str) -> None:
    assert redact_text(text) == text  # tried at every character, this would take many minutes


def test_text() -> None:
    assert (
        redact_text("cannot reach zk://a:b@h/x, nor http://h/")
        == "cannot reach zk://a:***@h/x, nor http://h/"
    )
