"""Options for the JVMs of a real Spark that lives for seconds: a third less CPU, which goes into compiling otherwise."""

from __future__ import annotations

JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
SHORT_LIVED = {"spark.driver.extraJavaOptions": JVM, "spark.executor.extraJavaOptions": JVM}
SHORT_LIVED_OPTIONS = tuple(part for name in SHORT_LIVED for part in ("--conf", f"{name}={JVM}"))
"""The same for spark-submit."""
