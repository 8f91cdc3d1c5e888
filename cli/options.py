"""Options that more than one command has, each defined once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def option(name: str, *declarations: str, **attributes: Any) -> Callable[[F], F]:
    """A click.option that can also be given as the variable SPARKMESOS_<NAME>."""
    variable = "SPARKMESOS_" + name.removeprefix("--").split("/")[0].upper().replace("-", "_")
    return click.option(name, *declarations, envvar=variable, **attributes)


master = option(
    "--master",
    metavar="URL",
    help="The Mesos master: mesos://HOST:5050, mesos://zk://HOST:2181,…/mesos, or embedded[N] to run an "
    "embedded Mesos with N agents for the life of this command; in cluster mode the dispatcher, "
    "mesos://HOST:7077.",
)
spark_home = option(
    "--spark-home",
    type=click.Path(path_type=Path),
    help="The Spark to use.  [default: SPARK_HOME, else the installed pyspark]",
)
ca_file = option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates (PEM) to trust when masters and agents speak https.",
)
output = option(
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to report: for people, or for programs.",
)


class Folder(click.Path):
    """A folder, which may have to be made yet.

    Not the empty name, which would be the current folder: it is what scripts give whose variable is not set.
    """

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click wants it."""
        if not os.fspath(value):
            self.fail("a folder has to have a name", param, ctx)
        return super().convert(value, param, ctx)


work_dir = option(
    "--work-dir",
    type=Folder(),
    help="Where the embedded cluster keeps its log and the sandboxes of its tasks.",
)
