"""What `start-dispatcher` warns of: who else could use the dispatcher."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .terminal import Terminal
from .visible_secrets import warn_of_readable_token

if TYPE_CHECKING:
    from sparkmesos_core.dispatcher.settings import DispatcherSettings


def warn_of_settings(
    terminal: Terminal, settings: DispatcherSettings, token_file: Path | None, machine: str | None = None
) -> None:
    """Says who can read the token, and who can run commands through a dispatcher with these settings.

    `machine` is what to call the one that it runs on; None: this one's name.
    """
    warn_of_readable_token(terminal, token_file)
    if settings.on_loopback:
        return
    machine = machine or settings.advertised_host
    if settings.token is None and settings.tls_certificate is None:
        terminal.warn(
            f"everybody who can reach {machine} can run commands on the cluster as {settings.user}",
            hint="Demand a token (--auth-token-file) and speak https (--tls-cert), or let a firewall decide.",
        )
    elif settings.token is None:
        terminal.warn(
            f"everybody who can reach {machine} can run commands on the cluster as {settings.user}: "
            "https hides what is said, and keeps nobody out",
            hint="Demand a token: --auth-token-file.",
        )
    elif settings.tls_certificate is None:
        terminal.warn(
            "the token and all submissions travel in clear", hint="Speak https: --tls-cert, --tls-key."
        )
