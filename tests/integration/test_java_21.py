"""Spark 4 on a Java 21: the bridge is compiled by it, driver and executors of an application and of a shell run on it. Most
other tests run on 17, and none with an application at a master that speaks https: this does both."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.integration.commands import commands_in
from tests.integration.java_21 import java_21
from tests.integration.short_lived_jvm import SMALL_OPTIONS
from tests.integration.spark_releases import SPARK_4
from tests.integration.spark_under_test import SparkUnderTest, spark_of
from tests.servers.tls_front import tls_front

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

SMALL = (*SMALL_OPTIONS, "--conf", "spark.cores.max=2")
# The expression is no constant to Spark: executors evaluate it.
JAVA = "java_method('java.lang.System', 'getProperty', 'java.specification.version')"


def test_compile_and_run_at_a_master_that_speaks_https(
    tmp_path: Path, application: Callable[[str], str]
) -> None:
    authority = trustme.CA()
    spark = spark_of(SPARK_4)
    java = java_21(spark.home)
    on_21 = SparkUnderTest(spark.home, {**spark.environment, "JAVA_HOME": str(java.home)})
    app = application(f"""
javas = spark.range(0, 4, 1, 2).selectExpr("{JAVA}").collect()
print("executors", sorted({{row[0] for row in javas}}))
print("driver", sc._jvm.java.lang.System.getProperty("java.specification.version"))
print("sum", sc.parallelize(range(1000), 4).map(lambda n: (n % 3, n)).reduceByKey(int.__add__).collect())
""")
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with commands_in(tmp_path, tmp_path / "cache", on_21) as commands:
        started = commands.run("start-local-cluster", "--port", "0", "--cpus", "2", "--mem", "4096")
        with tls_front(authority, int(started.stdout.rpartition(":")[2])) as port:
            ran = commands.run(
                "submit", "--master", f"mesos://https://127.0.0.1:{port}", "--ca-file", str(ca_file), *SMALL, app,
                timeout=400,
            )  # fmt: skip
            query = f"SELECT DISTINCT {JAVA} FROM range(0, 4, 1, 2)"
            shell = commands.run(
                "shell", "--lang", "sql", "--master", f"mesos://https://127.0.0.1:{port}", "--ca-file", str(ca_file),
                *SMALL, "-e", query, timeout=400,
            )  # fmt: skip
        assert (shell.returncode, shell.stdout) == (0, "21\n"), shell.stderr[-4000:]
        assert ran.returncode == 0, ran.stderr[-4000:]
        assert "Compiling the Mesos bridge" in ran.stderr
        told = dict(line.split(" ", 1) for line in ran.stdout.splitlines())
        assert (told["executors"], told["driver"]) == ("['21']", "21")
        assert sorted(ast.literal_eval(told["sum"])) == [(0, 166833), (1, 166167), (2, 166500)]
        assert commands.run("stop-local-cluster").returncode == 0
        assert commands.wait_for_no_process() == []
