"""What the command of a driver cannot hold: too much, or carriage returns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain

from sparkmesos_core.dispatcher.drivers.driver import Driver
from sparkmesos_core.dispatcher.drivers.submission import Submission
from sparkmesos_core.dispatcher.launch.cluster import Cluster
from sparkmesos_core.dispatcher.launch.task_info import build
from sparkmesos_core.dispatcher.rest.problems import Problem
from sparkmesos_core.durable_framework.offers import Offer
from sparkmesos_core.errors import SparkMesosError
from sparkmesos_core.launch.secrets import is_secret
from sparkmesos_core.quoting import quoted

LONGEST_COMMAND = 120 * 1024
"""Bytes. An executor hands the command and all variables, as JSON, to `mesos-containerizer launch` as one
argument (`launchTaskSubprocess` of Mesos' launcher/executor.cpp), and Linux takes 128 KiB of one; the agent
adds variables of its own."""

_MOST_GROWTH = 16
"""How many bytes of that one character can become at most: a quote in a `spark.mesos.driverEnv` has seven in
the command and one in a variable."""
_ADDED = 8192
"""Bytes that are more than the script and the options which all drivers have."""
_TASK = "driver-20260131120000-0001-retry-100"
_OFFER = Offer("", "", "agent", "http://agent:5051", (), ())
_CARRIAGE_RETURN = "it holds a carriage return, which Spark's launcher script leaves out"
_IN_A_FILE = "Put what is long into a file that the application reads."


def command_problems(submission: Submission, cluster: Cluster) -> list[Problem]:
    """Whether agents can run the command that a submission makes, which is otherwise in order.

    It is made if it might be too long, as if there were an offer: found only then, that would be the end of a
    driver that was accepted.
    """
    texts = (
        *submission.app_args,
        *chain.from_iterable(submission.properties.items()),
        *chain.from_iterable(submission.environment.items()),
        *(submission.name, submission.app_resource, submission.main_class),
    )
    if sum(map(len, texts)) * _MOST_GROWTH + _ADDED < LONGEST_COMMAND:
        return []
    driver = Driver(_TASK, 1, submission, 0.0)
    try:
        task = build(cluster)(driver, _TASK, _TASK, _OFFER, ())
    except SparkMesosError as error:
        return [Problem("sparkProperties", error.message, error.hint)]
    command = task["command"]
    text = json.dumps([command["value"], command["environment"]], ensure_ascii=False)
    length = len(text.encode()) + text.count("/")  # which Mesos escapes, too
    if length <= LONGEST_COMMAND:
        return []
    return [
        Problem(
            "appArgs",
            f"with the properties and variables they make a command of {length} bytes, and agents can run"
            f" one of {LONGEST_COMMAND}",
            _IN_A_FILE,
        )
    ]


def length_problems(arguments: Sequence[str], properties: Mapping[str, str]) -> list[Problem]:
    """The same, from what is certainly too long: soon, however long it is."""
    passed_on = ((key, text) for key, text in properties.items() if key != "spark.jars")
    texts = (*arguments, *(f"{key}={text}" for key, text in passed_on))
    length = sum(len(text.encode()) + 1 for text in texts)
    if length <= LONGEST_COMMAND:
        return []
    return [
        Problem(
            "appArgs",
            f"they and the properties have {length} bytes, and agents can run a command of {LONGEST_COMMAND}",
            _IN_A_FILE,
        )
    ]


def carriage_return_problems(
    main_class: str, arguments: Sequence[str], properties: Mapping[str, str]
) -> list[Problem]:
    """What would reach the driver as another text: `bin/spark-class` takes carriage returns out of options.

    Secrets are no options.
    """
    keys = [f"appArgs[{place}]" for place, text in enumerate(arguments) if "\r" in text]
    keys += ["mainClass"] if "\r" in main_class else []
    keys += [
        quoted(key)[1:-1]
        for key, text in properties.items()
        if "\r" in key or ("\r" in text and not is_secret(key, text))
    ]
    return [Problem(key, _CARRIAGE_RETURN, "Write it in another way, or put it into a file.") for key in keys]
