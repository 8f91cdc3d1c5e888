"""Spark's own classes, to be called from a test: a JVM with the installed Spark's jars, through py4j."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from py4j.java_gateway import GatewayParameters, JavaGateway, java_import

from sparkmesos_core.spark.home import SparkHome, find_spark
from sparkmesos_core.spark.java import Java, find_java


@contextmanager
def spark_jvm(spark: SparkHome | None = None, java: Java | None = None) -> Iterator[Any]:
    """A JVM whose environment holds no variable of Spark; it ends with the context. The installed Spark is the default."""
    spark = spark or find_spark(None, os.environ)
    java = java or find_java(spark, os.environ)
    (server,) = (Path(sysconfig.get_path("data")) / "share" / "py4j").glob("py4j0.*.jar")
    process = subprocess.Popen(
        [
            str(java.executable), "-Xshare:auto", "-XX:TieredStopAtLevel=1",
            "-cp", f"{server}{os.pathsep}{spark.jars}/*",
            "py4j.GatewayServer", "--die-on-broken-pipe", "0",
        ],
        env={name: value for name, value in os.environ.items() if not name.startswith("SPARK")},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    gateway = None
    try:
        port = int(process.stdout.readline())
        gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auto_convert=True))
        java_import(gateway.jvm, "org.apache.spark.*")
        yield gateway.jvm
    finally:
        if gateway is not None:
            gateway.close()
        with process:
            process.kill()
