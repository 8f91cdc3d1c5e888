"""Where the backend touches Spark's internals: as the sentence at the top of SparkInternals.scala says."""

from __future__ import annotations

import re

from sparkmesos_core.bridge.kinds import BridgeKind
from sparkmesos_core.bridge.recipes import recipe_of

# What anybody may use: `@DeveloperApi` at most, and so the same from release to release.
PUBLIC = {
    "SparkConf", "SparkContext", "SparkEnv", "SparkException",
    "scheduler.SparkListener", "scheduler.SparkListenerApplicationEnd", "scheduler.SparkListenerEvent",
    "scheduler.SparkListenerJobStart", "scheduler.SparkListenerStageCompleted", "scheduler.SparkListenerTaskEnd",
    "scheduler.SparkListenerTaskStart",
}  # fmt: skip
OURS = "sparkmesos."

PACKAGE = re.compile(r"^package (org\.apache\.spark\S*)", re.MULTILINE)
IMPORT = re.compile(r"^import org\.apache\.spark\.((?:\w+\.)*)(\{[^}]*\}|\w+)", re.MULTILINE)


def internals(source: str) -> set[str]:
    """What a file uses that only Spark's own packages may: its imports, and the package it is in."""
    found = set(PACKAGE.findall(source))
    for prefix, names in IMPORT.findall(source):
        found |= {prefix + name.strip() for name in names.strip("{}").split(",")}
    return {name for name in found - PUBLIC if not name.startswith(OURS)}


def test_they_are_in_the_files_that_are_named_there() -> None:
    sources = {path.name: path.read_text() for path in recipe_of(BridgeKind.BACKEND).sources().values()}
    begin = sources["SparkInternals.scala"].partition("/**")[0]
    (sentence,) = re.findall(r"^// All that .*(?:\n//.*)*", begin, re.MULTILINE)
    named = set(re.findall(r"(\w+\.scala)", sentence)) | {"SparkInternals.scala"}
    assert {name for name, source in sources.items() if internals(source)} == named


def test_what_counts() -> None:
    assert internals("package org.apache.spark.sparkmesos\n") == {"org.apache.spark.sparkmesos"}
    assert internals("import org.apache.spark.{SparkConf,\n  SecurityManager}\n") == {"SecurityManager"}
    assert internals("import org.apache.spark.internal.config\n") == {"internal.config"}
    assert internals("import org.apache.spark.scheduler.SparkListener\nimport java.util.Map\n") == set()
