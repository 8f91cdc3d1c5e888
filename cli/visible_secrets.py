"""What a command that starts a server warns of: secrets that others on this machine can see."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from .terminal import Terminal


def warn_of_readable_token(terminal: Terminal, token_file: Path | None) -> None:
    """Says so if others can read the file that holds the token."""
    if token_file is not None and _others_can_read(token_file):
        terminal.warn(
            f"other users of this machine can read the token in {token_file}",
            hint=f"Let nobody else: chmod 600 {shlex.quote(str(token_file))}",
        )


def warn_of_visible_passwords(terminal: Terminal, context: click.Context, zk_variable: str) -> None:
    """Says which of --master and --zk hold one: with --foreground for as long as the server runs.

    `zk_variable` is the one that may be set instead of --zk.
    """
    for name in ("master", "zk"):
        given = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if given and "@" in str(context.params[name]):
            terminal.warn(
                f"--{name} holds a password, which everybody on this machine can see",
                hint="Set SPARKMESOS_MASTER instead."
                if name == "master"
                else f"Set {zk_variable} instead, or spark.deploy.recoveryMode=ZOOKEEPER and "
                "spark.deploy.zookeeper.url in a properties file that only you can read.",
            )


def _others_can_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False  # whoever reads it says so
