"""What can be said of `serve-dist` without a server; the rest is an integration test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sparkmesos_cli.main import run
from sparkmesos_cli.serve_dist import command
from sparkmesos_cli.terminal import Terminal
from sparkmesos_core.dist.serving import server as serving
from sparkmesos_core.errors import UsageError
from tests.small_spark import small_spark, write_archive


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


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is there, and Ctrl-C as soon as it is waited for."""
    before = serving.served

    @contextmanager
    def served(path: Path, **options: Any) -> Iterator[serving.FileServer]:
        with before(path, **{**options, "port": 0}) as server:

            def interrupt() -> NoReturn:
                raise KeyboardInterrupt

            server.wait = interrupt  # type: ignore[method-assign]
            yield server

    monkeypatch.setattr(serving, "served", served)


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize("folder", [True, False])
def test_what_is_no_archive_is_warned_of(tmp_path: Path, capsys, folder: bool) -> None:
    bad = tmp_path / "bad%20one.tgz"
    bad.write_text("hello\n")
    write_archive(tmp_path / "spark-3.5.9-bin-hadoop3.tgz", small_spark())
    assert run(["serve-dist", str(tmp_path if folder else bad)], Terminal(environment={})) == 0
    out, err = capsys.readouterr()
    assert out.startswith("http://127.0.0.1:")
    assert err.count("warning: ") == err.count(f"warning: {bad} is not a tar archive") == 1
    assert "hint: Name a released spark-*.tgz." in err


@pytest.mark.usefixtures("interrupted")
def test_how_to_end_it_where_the_shell_has_ctrl_c_ignored(tmp_path: Path, capsys) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run(["serve-dist", str(tmp_path)], Terminal(environment={})) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    err = capsys.readouterr().err
    assert f"SIGTERM ends it: kill {os.getpid()}\n" in err
    assert "Ctrl-C" not in err
