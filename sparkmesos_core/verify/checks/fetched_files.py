"""Checks of where executors find Spark without an archive, and of the other files that are fetched."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.conf.finding import Severity
from sparkmesos_core.conf.values.java_strings import to_sequence
from sparkmesos_core.preflight.agent_names import some
from sparkmesos_core.preflight.executor_uri import ask_other_name_servers
from sparkmesos_core.redaction import redact_text
from sparkmesos_core.verify.check import Checks, Group, Problem, Verdict, not_applicable
from sparkmesos_core.verify.checks.client_configuration import hinted
from sparkmesos_core.verify.facts.client import FINDINGS, drives_here
from sparkmesos_core.verify.facts.distribution import (
    MOST_URIS,
    PLACES,
    SHARES_FILES,
    look_at_uris,
)
from sparkmesos_core.verify.known import Known
from sparkmesos_core.verify.named_agents import some_agents

HOME_CHECKS = Checks(Group.DISTRIBUTION)
"""Of Spark's folder on agents: the first of their group."""
CHECKS = Checks(Group.DISTRIBUTION)

_HOME, _IMAGE = "spark.mesos.executor.home", "spark.mesos.executor.docker.image"
_URIS = "spark.mesos.uris"
_HOME_RULES = frozenset({"executor-home-of-this-machine", "executor-home-characters"})
_SCHEME_RULES = frozenset({"uri-file-slash", "uri-needs-hadoop", "uri-scheme-misspelt", "uri-relative"})
_FILES = ("spark.jars", "spark.files", "spark.archives", "spark.submit.pyFiles")
_REMOTE = re.compile(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]*://")


@HOME_CHECKS.add(
    "executor-home",
    "Spark on agents",
    Severity.ERROR,
    finds="that neither an executor URI nor an image brings executors a Spark, and agents have none where it "
    "is looked for (*bin/spark-class: No such file or directory*, exit code 127)",
    remedy="Set `spark.executor.uri` to an archive that agents can fetch (`sparkmesos upload-dist`), or "
    "`spark.mesos.executor.home` to the folder that Spark is in on every agent.",
)
def _executor_home(known: Known) -> Verdict:
    subject = known.subject
    if subject.configuration.get("spark.executor.uri", "").strip():
        return not_applicable("executors come from an executor URI")
    home = configured_home(subject.configuration)
    if not home and not drives_here(subject):
        return not_applicable("executors use the Spark of their driver, which runs on an agent")
    if not home:
        if subject.client.spark is None:
            return not_applicable("executors use the Spark of their driver, and there is none here")
        home = str(subject.client.spark.path)
    image = subject.configuration.get(_IMAGE, "")
    problems = tuple(hinted(one) for one in known[FINDINGS] if one.id in _HOME_RULES)
    if image:
        return Verdict(f"executors are started from {home} in the image {image}", problems)
    seen = f"executors are started from {home} on agents"
    if problems:
        return Verdict(seen, problems)
    if known[SHARES_FILES]:
        program = Path(home) / "bin" / "spark-class"
        if program.is_file() and os.access(program, os.X_OK):
            return Verdict(f"{seen}, which have it: they are on this machine")
        missing = "cannot be run" if program.is_file() else "is not there"
        message = f"Executors are started by {program}, which {missing}, and agents are on this machine"
        hint = f"Correct {_HOME}, or set spark.executor.uri to an archive that agents can fetch."
        key = _HOME if _HOME in subject.configuration else ""
        return Verdict(seen, (Problem(Severity.ERROR, message, hint, key),))
    elsewhere = known[PLACES].elsewhere
    if not elsewhere:
        return Verdict(seen)
    message = f"Executors are started from {home}, which has to be there on {some_agents(elsewhere)}"
    return Verdict(seen, (Problem(Severity.NOTE, message, "--probe looks for it there."),))


def configured_home(configuration: Mapping[str, str]) -> str:
    """The folder of Spark from which executors are started without a URI; empty if it is the driver's own.

    `spark.mesos.executor.home`, else `spark.home` (`MesosCoarseGrainedSchedulerBackend`,
    `SparkContext.getSparkHome`).
    """
    return configuration.get(_HOME) or configuration.get("spark.home") or ""


@CHECKS.add(
    "spark-uris",
    "Other files that agents fetch",
    Severity.ERROR,
    finds="a URI of `spark.mesos.uris` that agents cannot fetch, without which no executor starts (*Failed "
    "to fetch all URIs for container*)",
    remedy="Put the file there, or leave it out of `spark.mesos.uris`.",
)
def _spark_uris(known: Known) -> Verdict:
    uris = [one.strip() for one in known.subject.configuration.get(_URIS, "").split(",") if one.strip()]
    if not uris:
        return not_applicable(f"{_URIS} is not set")
    problems = [hinted(one) for one in known[FINDINGS] if one.id in _SCHEME_RULES and one.key == _URIS]
    shared = known[SHARES_FILES]
    looked_at = {uri: _URIS for uri in uris if shared or _REMOTE.match(uri)}
    problems += look_problems(known, looked_at, "spark-uris")
    return Verdict(_counted(uris), tuple(problems))


@CHECKS.add(
    "spark-files",
    "Files of the application",
    Severity.ERROR,
    finds="a file of `--jars`, `--files`, `--py-files` or `--archives`, or the application itself, that does "
    "not exist or cannot be downloaded (*FileNotFoundException*, *Failed to load class*)",
    remedy="Correct its path or its URL, or put it there.",
)
def _spark_files(known: Known) -> Verdict:
    subject = known.subject
    named = {item: key for key in _FILES for item in to_sequence(subject.configuration.get(key, ""))}
    resource = subject.client.arguments.resource
    if resource:
        named.setdefault(resource, "the application")
    problems = [hinted(one) for one in known[FINDINGS] if one.id == "missing-file"]
    if not named and not problems:
        return not_applicable("no file is listed")
    remote = {item.partition("#")[0]: key for item, key in named.items() if _REMOTE.match(item)}
    problems += look_problems(known, remote, "spark-files")
    return Verdict(_counted(list(named)), tuple(problems))


def look_problems(known: Known, keys: Mapping[str, str], check: str) -> list[Problem]:
    """Those of the files that agents or drivers most likely cannot have, as errors if that is certain.

    `keys` has what names them, by their URIs.
    """
    problems = []
    deadline = known.deadline()
    for look in look_at_uris(known, keys, deadline):
        if (failure := look.failure) is None:
            continue
        key, certain = keys[look.uri], failure.certain
        if certain and failure.by_name:
            certain = not ask_other_name_servers(known[PLACES].elsewhere, deadline)
        problems.append(
            Problem(
                Severity.ERROR if certain else Severity.WARNING,
                f"{redact_text(look.uri)} ({key}) {failure.said}",
                failure.hint_with(f"--skip {check}"),
                key if key.startswith("spark.") else "",
            )
        )
    return problems


def _counted(items: list[str]) -> str:
    count = len(items)
    asked = f", of which {MOST_URIS} are looked at" if count > MOST_URIS else ""
    return f"{count} file{'' if count == 1 else 's'}{asked}: {some([redact_text(item) for item in items])}"
