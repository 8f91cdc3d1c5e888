"""What spark-env.sh makes of the environment, compared with Spark's own load-spark-env.sh."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sparkmesos_core.conf.spark_env import load_spark_env
from sparkmesos_core.spark.home import find_spark

# load-spark-env.sh sets the first two each time, so that Spark's programs do so themselves; the rest is bash's.
NOT_THE_SCRIPTS = {"SPARK_SCALA_VERSION", "SPARK_BEELINE_OPTS", "_", "SHLVL", "PWD", "OLDPWD"}

SCRIPTS = (
    "",
    "A=1\nexport B='two\nlines'\nexport -n C=3\nunset D",
    'if [ -z "$SPARK_LOG_DIR" ]; then SPARK_LOG_DIR=$SPARK_HOME/logs; fi\nfor n in 1 2; do eval V$n=$n; done',
    'f() { echo "$1"; }\nA=$(f \'$HOME "x" \\ *\')\nB=`f b`',
    "A=$SPARK_CONF_DIR:$SPARK_ENV_LOADED:$SPARK_HOME:$#:$1\nSPARK_CONF_DIR=$SPARK_CONF_DIR/",
    "A=1\nreturn 0\nA=2",
    "A=1\nno-such-command\nB=2",
    "set -f\nIFS=:\nA=$PATH\nB=(1 2)\ndeclare -i C=2+3\nreadonly E=5",
    "A=$'\\x80\\xff\\n'\nB=\u00e4\u20ac\U0001f600\nC=",
    "export SPARK_DAEMON_JAVA_OPTS=\"-Dspark.deploy.recoveryMode=ZOOKEEPER -Dspark.a='b c'\"",
    'source "${BASH_SOURCE[0]%/*}/more.sh"',
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_environment_is_the_same(tmp_path: Path, script: str) -> None:
    spark = find_spark(None, os.environ)
    (tmp_path / "spark-env.sh").write_bytes(os.fsencode(script))
    (tmp_path / "more.sh").write_text("MORE=1")
    environment = {
        "PATH": os.environ["PATH"], "HOME": "/home/me", "D": "4",
        "SPARK_HOME": str(spark.path), "SPARK_CONF_DIR": str(tmp_path),
    }  # fmt: skip
    loading = '. "$SPARK_HOME"/bin/load-spark-env.sh; exec /usr/bin/env -0'
    theirs = subprocess.run(
        ["bash", "-c", loading, "spark-class", "org.apache.spark.deploy.SparkSubmit"],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True,
    )  # fmt: skip
    pairs = (os.fsdecode(pair).partition("=") for pair in theirs.stdout.split(b"\0") if pair)
    expected = {name: value for name, _, value in pairs if name not in NOT_THE_SCRIPTS}
    env = load_spark_env(spark.path, environment)
    assert dict(env.variables) == expected
