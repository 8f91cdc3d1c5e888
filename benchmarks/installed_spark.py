"""The installed Spark with its Java, and the small application that most of the scripts run with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sparkmesos_core.examples import FOLDER as EXAMPLES
from sparkmesos_core.spark.home import find_spark
from sparkmesos_core.spark.java import find_java

SPARK = find_spark(None, os.environ)
JAVA = find_java(SPARK, os.environ)
ENVIRONMENT = {
    **os.environ,
    "JAVA_HOME": str(JAVA.home),
    "SPARK_HOME": str(SPARK.path),
    "SPARK_LOCAL_IP": "127.0.0.1",
    "PYSPARK_PYTHON": sys.executable,
}
SPARKMESOS = str(Path(sys.executable).parent / "sparkmesos")
SUBMIT = (SPARKMESOS, "submit")
PI = (str(EXAMPLES / "pi.py"), "2")
"""Pi in Python, in two tasks."""
SIZES = {
    "spark.cores.max": "2",
    "spark.executor.cores": "1",
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
    "spark.ui.enabled": "false",
    "spark.scheduler.minRegisteredResourcesRatio": "0.0",
}
"""Of the small application: two executors, the first of which begins."""
