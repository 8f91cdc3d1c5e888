"""What sparkmesos makes of a command line, and how that may differ from what Spark's spark-submit makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sparkmesos_core.client_configuration import read_client_configuration
from sparkmesos_core.conf.setting import Source
from sparkmesos_core.errors import UsageError
from sparkmesos_core.master import parse_dispatcher
from sparkmesos_core.spark.argument_checks import check_values
from sparkmesos_core.spark.arguments import RUN_EXAMPLE, SubmitArguments
from sparkmesos_core.spark.cluster_request import cluster_request, reason_not_sent
from sparkmesos_core.spark.file_patterns import resolve_files
from sparkmesos_core.spark.java_uri import resolve_uris
from tests.integration.spark_submit_jvm.submitter import SPARK_HOME

LISTS = ("spark.jars", "spark.files", "spark.archives", "spark.submit.pyFiles")
TIME = "spark.app.submitTime"
ENVIRONMENT = {
    "SPARK_HOME": str(SPARK_HOME),
    "SPARK_SCALA_VERSION": "2.12",  # as bin/load-spark-env.sh sets it
    "SPARK_LOCAL_IP": "127.0.0.1",
}


@dataclass(frozen=True)
class Ours:
    """What sparkmesos would post, and what of it Spark would not have posted."""

    request: dict[str, Any]
    translated: dict[str, str]


def our_request(arguments: Sequence[str], environment: Mapping[str, str], directory: Path) -> Ours:
    """The way of `sparkmesos submit --deploy-mode cluster` up to the request. Raises what that raises."""
    parsed = SubmitArguments.parse(arguments)
    client = read_client_configuration(parsed, spark_home=None, environment=environment)
    check_values(parsed, client.configuration)
    # spark-submit reads it itself; with us its type is checked like that of all properties.
    client.configuration.typed("spark.driver.userClassPathFirst")
    request = cluster_request(
        parsed,
        client.configuration,
        client.env.variables,
        spark_version=client.spark.version if client.spark else "",
        directory=directory,
        now_ms=0,
    )
    return Ours(request.to_json(), {setting.key: setting.value for setting in client.translated})


@dataclass(frozen=True)
class Theirs:
    """What Spark's spark-submit made of a command line."""

    answer: dict[str, Any]
    received: list[tuple[str, str, Any]]

    @property
    def request(self) -> dict[str, Any] | None:
        """What it asked the dispatcher to run; None if it came to something else."""
        bodies = [body for method, path, body in self.received if path.endswith("/create")]
        return bodies[0] if bodies else None

    @property
    def is_submission(self) -> bool:
        """Whether it was, as far as it came, about running an application in cluster mode."""
        parsed = self.answer.get("parsed", {"action": "SUBMIT", "deploy_mode": "cluster"})
        return (
            parsed["action"] == "SUBMIT" and parsed["deploy_mode"] == "cluster" and "exit" not in self.answer
        )

    @property
    def refusal(self) -> str:
        """What it died of; empty if it did not."""
        return str(self.answer.get("refused", ""))


def difference(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path, theirs: Theirs
) -> str:
    """How we differ from Spark in what is not on the list of `DIFFERENCES`; empty if we do not."""
    try:
        ours = our_request(arguments, environment, directory)
    except UsageError as error:
        if theirs.request is None or _refused_on_purpose(arguments, environment, directory):
            return ""
        return f"we refuse: {error.message}"
    if theirs.request is None:
        return (
            "" if _allowed_on_purpose(theirs, ours) else f"Spark refuses: {theirs.refusal or theirs.answer}"
        )
    expected = dict(theirs.request)
    expected["environmentVariables"] = {
        name: value
        for name, value in theirs.request["environmentVariables"].items()
        if not reason_not_sent(name)
    }
    expected["sparkProperties"] = {**theirs.request["sparkProperties"], **ours.translated}
    if _needs_locale(expected):  # difference argument-bytes
        expected["sparkProperties"].setdefault("spark.mesos.driverEnv.LC_ALL", "C.UTF-8")
    if expected["sparkProperties"][TIME] != ours.request["sparkProperties"][TIME]:
        ours.request["sparkProperties"][TIME] = expected["sparkProperties"].pop(TIME)
        expected["sparkProperties"][TIME] = ours.request["sparkProperties"][TIME]
    problems = []
    for part, value in expected.items():
        mine = ours.request[part]
        if not isinstance(value, dict):
            if mine != value:
                problems.append(f"{part} is {mine!r} instead of {value!r}")
            continue
        for name in sorted({*value, *mine}):
            if value.get(name) != mine.get(name) and not _as_good(name, mine.get(name), value.get(name)):
                problems.append(f"{name} is {mine.get(name)!r} instead of {value.get(name)!r}")
    return "; ".join(problems)


def _needs_locale(request: Mapping[str, Any]) -> bool:
    """Whether something of a request that reaches the driver's command line is not ASCII."""
    properties = request["sparkProperties"]
    texts = (request["appResource"], request["mainClass"], *request["appArgs"], *properties.items())
    return not all("".join(text).isascii() for text in texts)


def _refused_on_purpose(arguments: Sequence[str], environment: Mapping[str, str], directory: Path) -> bool:
    """Differences nothing-found, dispatcher and examples."""
    parsed = SubmitArguments.parse(arguments)
    client = read_client_configuration(parsed, spark_home=None, environment=environment)
    if parsed.resource == RUN_EXAMPLE:
        return True
    try:
        parse_dispatcher(client.configuration.get("spark.master", ""))
        for setting in filter(None, map(client.configuration.setting, LISTS)):
            is_option = setting.origin.source is Source.OPTION
            files = resolve_uris(setting.value, directory) if is_option else setting.value
            resolve_files(files, directory)
    except UsageError:
        return True
    return False


def _allowed_on_purpose(theirs: Theirs, ours: Ours) -> bool:
    """Differences rest-enabled, several-dispatchers and remote-files."""
    enabled = ours.request["sparkProperties"].get("spark.master.rest.enabled", "false").lower()
    if enabled != "true" and ("REST submission API" in theirs.refusal or enabled in theirs.refusal):
        return True
    if "," in ours.request["sparkProperties"].get("spark.master", "") and "URL" in theirs.refusal:
        return True
    items = ",".join(ours.request["sparkProperties"].get(key, "") for key in LISTS).split(",")
    return any(":" in item and not item.startswith("file:") for item in items)


def _as_good(name: str, ours: str | None, theirs: str | None) -> bool:
    """Difference escapes."""
    if name not in LISTS or ours is None or theirs is None or "%" not in ours:
        return False
    return unquote(ours) == unquote(theirs)
