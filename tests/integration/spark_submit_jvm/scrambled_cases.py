"""Command lines and properties files put together by chance, for what nobody thought of."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.integration.spark_submit_jvm.cases import CLUSTER, CONFS, Case

WORDS = (
    "--name", "--conf", "-c", "--class", "--jars", "--files", "--verbose", "-v", "--supervise", "--master", "--deploy-mode",
    "--kill", "--status", "--help", "--version", "--usage-error", "spark.a=b", "spark.a", "x", "app.py", "app.jar",
    "--conf=spark.a=b", "--name=", "--foo", "--foo=bar", "-", "--", "=", "--=", "--=x", "---x", "--name=\n", "--properties-file",
    "job.conf", "--proxy-user", "--queue=q", "--remote", "-h", "local:///a.jar", "--class=org.apache.spark.repl.Main",
    "org.apache.spark.repl.Main", "--driver-memory=1g", "pyspark-shell-main", "sparkr-shell-main", "run-example",
    "spark-internal", "--py-files", "", "--py-files=", "--supervise=x", "cluster", "client", "--keytab", "--executor-cores=2",
    "--archives", "a.tgz#x", "--driver-class-path", "-c=spark.x=y", "--verbose=\n",
)  # fmt: skip
PIECES = (
    "\\", "\n", "\r", "\r\n", "\t", "\f", " ", "=", ":", "#", "!", "\\u00e9", "\\n", "\\r", "\\u12", "é", "a", "b=", "spark.",
    "x", '"', "'", ",", "$", "\\\n", "  ", "\u00a0", "\u2028", "\x00", "\x01", "\x1f",
)  # fmt: skip
VARIABLES = {
    "MASTER": ("{master}",),
    "DEPLOY_MODE": ("cluster",),
    "SPARK_SUBMIT_OPTS": (
        "-Dspark.master.rest.enabled=true",
        "-Dspark.app.name=o -Dspark.jars=libs/* -Dspark.x=1",
        "-Dspark.submit.deployMode=cluster",
    ),
    "SPARK_CONF_DIR": ("{directory}/conf",),
}


def scrambled(count: int, seed: int) -> Iterator[Case]:
    """Half of them with a properties file, half with words of spark-submit in any order."""
    chance = random.Random(seed)
    # Read by spark-submit itself, whose client fails if it is no boolean, and known to nobody else.
    confs = [conf for conf in CONFS if "allowCustomClasspath" not in conf]
    for number in range(count):
        environment = {
            name: chance.choice(some) for name, some in VARIABLES.items() if chance.random() < 0.15
        }
        if chance.random() < 0.5:
            words = chance.choices(WORDS, k=chance.randrange(1, 8))
            front = CLUSTER if chance.random() < 0.7 else ()
            yield Case(f"words {seed}/{number}", (*front, *words), environment)
            continue
        name = ("--name", "n") if chance.random() < 0.3 else ()
        application = chance.choice(("http://repo.example/app.py", "app.jar", "local:///x.R"))
        lines = "".join(_line(chance, confs) for _ in range(chance.randrange(8)))
        file = f"scrambled-{number}.conf"
        arguments = (*CLUSTER, "--properties-file", file, *name, application)
        yield Case(f"file {seed}/{number}", arguments, environment, {file: lines})


def _line(chance: random.Random, confs: list[str]) -> str:
    """Something like a line of a properties file."""
    if chance.random() < 0.5:
        return "".join(chance.choices(PIECES, k=chance.randrange(8)))
    key = chance.choice(confs).partition("=")[0]
    value = chance.choice(confs).partition("=")[2]
    if chance.random() < 0.5:
        value = "".join(chance.choices(PIECES, k=chance.randrange(6)))
    between = chance.choice(("=", " ", ":", " = ", "\t", ""))
    end = chance.choice(("\n", "\r\n", "\n", "\r", ""))
    return f"{key}{between}{value}{end}"
