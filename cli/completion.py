"""`sparkmesos completion`."""

from __future__ import annotations

import click

from .terminal import Terminal


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(terminal: Terminal, *, shell: str) -> None:
    """Print the completion script of a shell.

    \b
      bash:  source <(sparkmesos completion bash)
      zsh:   source <(sparkmesos completion zsh)
      fish:  sparkmesos completion fish | source
    """
    from click.shell_completion import get_completion_class

    from .main import cli
    from .shell_words import COMPLETE_VARIABLE, register

    register()
    completion = get_completion_class(shell)
    assert completion is not None
    terminal.data(completion(cli, {}, "sparkmesos", COMPLETE_VARIABLE).source())
