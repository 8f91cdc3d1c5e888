"""`sparkmesos serve-dist`."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import click

from sparkmesos_core.errors import ArchiveError
from sparkmesos_core.quoting import printable

from . import options
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.dist.serving.server import FileServer

_MOST_URIS = 5


@click.command("serve-dist")
@click.argument("path", metavar="DIR|TARBALL", type=click.Path(path_type=Path))
# The variables have names of their own: start-local-cluster has a --port, too, and both run at once.
@click.option(
    "--host",
    envvar="SPARKMESOS_SERVE_HOST",
    metavar="HOST",
    default="127.0.0.1",
    show_default=True,
    help="The name or address of this machine to listen on; 0.0.0.0 for all of them.",
)
@click.option(
    "--port",
    envvar="SPARKMESOS_SERVE_PORT",
    type=click.IntRange(0, 65535),
    default=8000,  # DEFAULT_PORT of dist.serving, which is not loaded for --help
    show_default=True,
    help="The port; 0 takes a free one.",
)
@options.output
@click.pass_obj
def command(terminal: Terminal, *, path: Path, host: str, port: int, output: str) -> None:
    """Serve archives of Spark to agents over HTTP, until Ctrl-C.

    For labs, and for trying things out: read-only, without encryption. Prints the URL of the archive or the
    folder, and nothing else, on stdout. Names with a dot in front, and links that lead out of the folder, are
    not served. -v logs requests.

    \b
      sparkmesos serve-dist spark-3.5.9-bin-hadoop3.tgz &
      sparkmesos submit --master MASTER \\
          --conf spark.executor.uri=http://127.0.0.1:8000/spark-3.5.9-bin-hadoop3.tgz app.py
    """
    from sparkmesos_core.dist.names import is_extracted
    from sparkmesos_core.dist.serving.server import served
    from sparkmesos_core.open_files import allow_many_files

    allow_many_files()
    with served(path, host=host, port=port) as server:
        uris = [url for url in server.file_urls() if is_extracted(url)]
        _explain(terminal, server, path, uris)
        try:
            if output == "json":
                place = {"host": server.address.host, "port": server.address.port}
                terminal.json("server", {"url": server.url, **place, "uris": uris})
            else:
                terminal.data(server.url)
            server.wait()
        except KeyboardInterrupt:
            terminal.say("The server has ended.")


def _explain(terminal: Terminal, server: FileServer, path: Path, uris: list[str]) -> None:
    from sparkmesos_core.dist.first_look import require_archive
    from sparkmesos_core.dist.names import problem_of

    shown = printable(str(path.absolute()))
    if server.on_loopback:
        terminal.say(f"Serving {shown} to this machine alone; with --host 0.0.0.0 to others, too.")
    else:
        terminal.warn(f"everybody who can reach {server.address} may read {shown}, and nothing is encrypted")
    if not path.is_dir() and (problem := problem_of(path.name)) is not None:
        terminal.warn(problem, hint="Give it a name such as spark-3.5.9-bin-hadoop3.tgz.")
    elif len(uris) == 1:
        from sparkmesos_core.initial_configuration import configuration_lines, executor_entries

        from .upload_dist_report import say_lines

        say_lines(terminal, configuration_lines(executor_entries(uris[0], exported=True, cached=True)))
    else:
        for uri in uris[:_MOST_URIS]:
            terminal.say(f"  {uri}")
        if len(uris) > _MOST_URIS:
            terminal.say(f"  … and {len(uris) - _MOST_URIS} more")
    for uri in uris[:_MOST_URIS]:
        name = os.fsdecode(unquote_to_bytes(uri.rpartition("/")[2]))
        try:
            require_archive(path / name if path.is_dir() else path)
        except ArchiveError as error:
            terminal.warn(f"{error.message}; executors cannot be started from it", hint=error.hint)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells have it for `… &` in a script
        terminal.say(f"SIGTERM ends it: kill {os.getpid()}")
    else:
        terminal.say("Ctrl-C ends it.")
