"""The body of a dispatcher's process in the background."""

from __future__ import annotations

from sparkmesos_core.dispatcher.settings import DispatcherSettings
from sparkmesos_core.durable_framework import background
from sparkmesos_core.durable_framework.background import OnReady


def main() -> int:
    """Run a dispatcher with the settings that are handed over on stdin, until a signal; the exit code."""
    return background.run(_serve)


def _serve(settings: str, on_ready: OnReady, subscribe_timeout: float | None) -> None:
    from sparkmesos_core.dispatcher.foreground import serve

    serve(
        DispatcherSettings.from_json(settings),
        lambda state: on_ready(state.to_json()),
        subscribe_timeout=subscribe_timeout,
    )
