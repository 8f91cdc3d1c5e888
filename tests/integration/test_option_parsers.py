"""The table of options beside the parser of the Spark 4 that the suite runs."""

from __future__ import annotations

import pytest

from tests.integration.spark_releases import SPARK_4, spark_release
from tests.option_names import known_to, option_names

pytestmark = pytest.mark.slow


def test_options_are_those_of_spark_4() -> None:
    (jar,) = (spark_release(SPARK_4) / "jars").glob("spark-launcher_*.jar")
    major, minor = map(int, SPARK_4.split(".")[:2])
    assert known_to((major, minor)) == option_names(jar)
