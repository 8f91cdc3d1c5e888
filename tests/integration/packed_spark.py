"""What of the installed Spark `upload-dist` packs for tests: two thirds of it, since none of them depends on the size."""

from __future__ import annotations

import pyspark

TOP = f"spark-{pyspark.__version__}-bin-hadoop3"
"""The folder in the archive."""
ARCHIVE = f"{TOP}.tgz"
UNUSED_JARS = ("rocksdbjni", "breeze", "spire", "spark-mllib", "kubernetes", "hive", "datanucleus")
"""How the names of jars begin that the tests' applications do without."""
EXCLUDES = tuple(part for jar in UNUSED_JARS for part in ("--exclude", f"jars/{jar}*"))
"""Options of `upload-dist`."""
