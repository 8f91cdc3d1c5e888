"""The check is right about each line that Spark's own documentation gives as an example.

`reference/documentation-examples.json` holds the lines of "Running Spark on Mesos" for 2.0.1 and for 3.5: what
is to be set, and what has to be found. Where the document shows only a fragment, or the notation of a value,
there is a case for the fragment and one for what is meant.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sparkmesos_core.conf.checks import Circumstances, Mode, check_configuration
from sparkmesos_core.conf.configuration import Configuration
from sparkmesos_core.conf.java_properties import parse_properties
from sparkmesos_core.conf.precedence import daemon_configuration, submit_configuration
from sparkmesos_core.conf.properties.registered_property import Reader
from sparkmesos_core.conf.properties.registry import find_property
from sparkmesos_core.conf.setting import Origin, Setting, Source
from sparkmesos_core.conf.spark_env import SparkEnv
from sparkmesos_core.spark.arguments import SubmitArguments

REFERENCE = Path(__file__).parent / "reference"
EXAMPLES: list[dict[str, Any]] = json.loads((REFERENCE / "documentation-examples.json").read_text())
SPARK = {"2.0.1": "2.0.1", "3.5": "3.5.9"}
DAEMONS = {Mode.DISPATCHER: Reader.DISPATCHER, Mode.SHUFFLE_SERVICE: Reader.SHUFFLE_SERVICE}
# Where an example is not about the master: one that nothing is said about.
HARMLESS_MASTERS = {
    Mode.CLIENT: "mesos://localhost:5050",
    Mode.CLUSTER: "mesos://localhost:7077",
    Mode.DISPATCHER: "mesos://localhost:5050",
}
CASES = [
    pytest.param(document, example, id=f"{document}-{number}-{example['where']}")
    for number, example in enumerate(EXAMPLES)
    for document in example["documents"]
]


def configuration_of(example: dict[str, Any]) -> Configuration:
    mode = Mode(example["for"])
    options, conf = SubmitArguments.parse(example.get("arguments", ())).settings()
    for text in example.get("conf", ()):
        key, _, value = text.partition("=")
        conf.append(Setting(key, value, Origin(Source.CONF, "--conf")))
    file = parse_properties("\n".join(example.get("lines", ())), "spark-defaults.conf")
    env = SparkEnv(example.get("variables", {}))
    if mode in DAEMONS:
        return daemon_configuration(DAEMONS[mode], options=options, conf=conf, file=file, env=env)
    return submit_configuration(options=options, conf=conf, file=file, env=env)


@pytest.mark.parametrize(("document", "example"), CASES)
def test_example(document: str, example: dict[str, Any]) -> None:
    configuration = configuration_of(example)
    mode = Mode(example["for"])
    circumstances = Circumstances(
        mode=mode,
        spark_version=SPARK[document],
        master=configuration.get("spark.master") or HARMLESS_MASTERS.get(mode),
        environment=example.get("variables", {}),
    )
    found = check_configuration(configuration, circumstances)
    assert Counter(f"{one.severity.value} {one.id}" for one in found) == Counter(example["expected"]), found
    for one in found:
        assert one.message
        assert not one.message.endswith(".")


def test_every_documented_property_has_an_example() -> None:
    with (REFERENCE / "spark-mesos-properties.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    documented = {row["key"] for row in rows if row["first_documented"]}
    shown = {find_property(key) for example in EXAMPLES for key in configuration_of(example)}
    assert documented - {one.name for one in shown if one is not None} == set()
