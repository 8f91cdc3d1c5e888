"""What can be said of `serve-dist` without a server; the rest is an integration test."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pytest

from sparkmesos_cli.main import run
from sparkmesos_cli.serve_dist import command
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.dist.serving import server as serving
from sparkmesos_core.errors import UsageError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was to be served; nothing is."""
    calls: list[dict[str, Any]] = []

    def served(path: Path, **options: Any) -> NoReturn:
        calls.append({"path": path, **options})
        raise UsageError("not served")

    monkeypatch.setattr(serving, "served", served)
    return calls


def test_the_default_port_of_the_help_is_that_of_the_server() -> None:
    [port] = [parameter.default for parameter in command.params if parameter.name == "port"]
    assert port == serving.DEFAULT_PORT


def test_the_defaults(asked: list[dict[str, Any]]) -> None:
    assert run(["serve-dist", "dist"], Terminal(environment={})) == 2
    assert asked == [{"path": Path("dist"), "host": "127.0.0.1", "port": 8000}]


def test_the_variables_are_not_those_of_the_local_cluster(
    asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARKMESOS_PORT", "5051")
    monkeypatch.setenv("SPARKMESOS_SERVE_PORT", "9000")
    monkeypatch.setenv("SPARKMESOS_SERVE_HOST", "0.0.0.0")
    assert run(["serve-dist", "dist"], Terminal()) == 2
    assert asked == [{"path": Path("dist"), "host": "0.0.0.0", "port": 9000}]
