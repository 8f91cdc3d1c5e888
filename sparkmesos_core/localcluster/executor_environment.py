"""The environment that tasks of the embedded cluster get from their agent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sparkmesos_core.errors import UsageError
from sparkmesos_core.spark.java import Java

# What a Mesos agent gives its tasks when it is told nothing else.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def default_executor_environment(java: Java | None) -> dict[str, str]:
    """A Java and a Python that work: the toolkit's own, in front of the system's PATH."""
    folders = [str(Path(sys.executable).absolute().parent)]
    variables = {}
    if java is not None:
        folders.append(str(java.executable.parent))
        variables["JAVA_HOME"] = str(java.home)
    return {**variables, "PATH": os.pathsep.join([*folders, SYSTEM_PATH])}


def parse_executor_environment(text: str) -> dict[str, str]:
    """The value of `--executor-environment-variables`, as a Mesos agent takes it.

    A JSON object, or the path of a file that holds one (plain or as `file:///path`). Raises UsageError.
    """
    source = "--executor-environment-variables"
    if not text.lstrip().startswith("{"):
        path = Path(text.removeprefix("file://"))
        source = f"{source} {path}"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{source} cannot be read: {error}") from error
    hint = 'Give a JSON object of strings such as {"JAVA_HOME": "/opt/java"}, or a file with one.'
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{source} is not JSON: {error}", hint=hint) from error
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
        raise UsageError(f"{source} is not a JSON object whose values are all strings", hint=hint)
    return dict(value)
