"""The table of options beside the parsers of Spark 4: that of the suite's, and of the older ones if they are wanted."""

from __future__ import annotations

import pytest

from tests.integration.spark_releases import OLDER_4, SPARK_4, older_spark, spark_release
from tests.option_names import known_to, option_names

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("version", [*OLDER_4, SPARK_4])
def test_options_are_those_of_spark_4(version: str) -> None:
    home = spark_release(version) if version == SPARK_4 else older_spark(version)
    (jar,) = (home / "jars").glob("spark-launcher_*.jar")
    major, minor = map(int, version.split(".")[:2])
    assert known_to((major, minor)) == option_names(jar)
