from __future__ import annotations

import re
from pathlib import Path

from sparkmesos_core.conf.properties.registry import find_property
from sparkmesos_core.conf.spark_variables import VARIABLES, find_variable, similar_variables
from sparkmesos_core.redaction import is_secret_name


def test_the_table_is_whole() -> None:
    names = [variable.name for variable in VARIABLES]
    assert len(names) == len(set(names))
    for variable in VARIABLES:
        assert variable.meaning
        assert not variable.meaning.endswith(".")
        assert (variable.strength is None) == (variable.property == "")


def test_properties_are_registered_and_agree_about_secrets() -> None:
    for variable in VARIABLES:
        # Spark Connect has nothing to do with Mesos, and so no place in the registry.
        if variable.property and variable.name != "SPARK_REMOTE":
            found = find_property(variable.property)
            assert found is not None, variable.name
            assert found.secret == variable.secret, variable.name


def test_secrets_look_like_secrets() -> None:
    """What has no name of a secret would be shown by `redact_arguments`."""
    assert [v.name for v in VARIABLES if v.secret != is_secret_name(v.name)] == []


def test_finding() -> None:
    found = find_variable("SPARK_EXECUTOR_URI")
    assert found is not None
    assert found.property == "spark.executor.uri"
    family = find_variable("LIBPROCESS_SSL_ENABLED")
    assert family is not None
    assert family.name == "LIBPROCESS_SSL_<NAME>"
    assert find_variable("LIBPROCESS_SSL_") is None
    assert find_variable("SPARK_NO_SUCH") is None


def test_the_documentation_lists_those_that_stand_for_properties() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "configuration-files.md"
    rows = re.findall(r"^\| `(\w+)` \| `(spark\.[\w.]+)`", page.read_text(encoding="utf-8"), re.MULTILINE)
    # Neither is for users: one is deprecated, one is Spark's own, one is for Spark Connect.
    left_out = {"_SPARK_AUTH_SECRET"}
    expected = {v.name: v.property for v in VARIABLES if v.property and v.name not in left_out}
    assert dict(rows) == expected


def test_names_that_are_meant() -> None:
    assert similar_variables("SPARK_MASTER") == ["MASTER"]
    assert similar_variables("spark-executor-ur")[:1] == ["SPARK_EXECUTOR_URI"]
    assert similar_variables("SPARK_EXECUTER_MEMORY")[0] == "SPARK_EXECUTOR_MEMORY"
    assert similar_variables("SPARK_HOM")[0] == "SPARK_HOME"
    for unlike in ("HOME_DIR", "xyzzy", "", "PATH", "A" * 10**6):
        assert similar_variables(unlike) == [], unlike
