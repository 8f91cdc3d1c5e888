"""Printing a unit or an app, or giving the app to Marathon."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .deployment_options import given_environment

if TYPE_CHECKING:
    from sparkmesos_core.deployment.marathon_app import MarathonApp
    from sparkmesos_core.deployment.program_call import ProgramCall

    from .deployment_options import Deployment
    from .terminal import Terminal

ITS_AGENT = "the agent that runs it"
"""What to call the machine of a program that Marathon runs."""


def report_unit(
    terminal: Terminal,
    call: ProgramCall,
    *,
    name: str,
    number: int,
    description: str,
    user: str,
    output: str,
    written: tuple[str, ...] = (),
    may_end: bool = False,
) -> None:
    """Prints the unit file that runs this program so, and says what is to be done with it.

    `name` is that of the unit for instance 1, without `.service`; `user`, `written` and `may_end` are those
    of `SystemdUnit`. Raises UsageError for what no unit can hold.
    """
    from sparkmesos_core.deployment.systemd_unit import SystemdUnit
    from sparkmesos_core.directories import state_directory

    program, first = own_program()
    suffix = "" if number == 1 else f"-{number}"
    unit = SystemdUnit(
        name=f"{name}{suffix}.service",
        description=description,
        program=program,
        arguments=(*first, *call.words),
        user=user,
        variables=call.variables,
        hidden=call.hidden,
        written=(*written, str(state_directory(given_environment(terminal)))),
        may_end=may_end,
    )
    text = unit.text()
    if output == "json":
        terminal.json(
            "unit",
            {
                "name": unit.name,
                "text": text + "\n",
                "environment_file": unit.environment_file,
                "secrets": list(unit.hidden),
            },
        )
    else:
        terminal.data(text)
    for variable, given in unit.hidden.items():
        terminal.warn(
            f"{given} holds a secret, which is not in the unit: everybody can read that",
            hint=f"Write {variable}=… into {unit.environment_file}, which only root can read (chmod 600).",
        )
    terminal.say(
        f"Put it into /etc/systemd/system/{unit.name}, then: systemctl daemon-reload && systemctl enable "
        f"--now {shlex.quote(unit.name)}"
    )


def report_app(terminal: Terminal, app: MarathonApp, deployment: Deployment, output: str) -> None:
    """Prints the app, or gives it to Marathon and prints its id. Raises as `deploy` does."""
    for note in app.notes:
        terminal.say(note)
    marathon = deployment.marathon
    if marathon is None:
        if output == "json":
            terminal.json("app", app.definition, notes=list(app.notes))
        else:
            terminal.data(json.dumps(app.definition, indent=2))
        return
    from sparkmesos_core.deployment.marathon_client import deploy

    with terminal.working("Waiting for Marathon"):
        done = deploy(app.definition, marathon)
    if output == "json":
        terminal.json(
            "deployment",
            {"app": done.app_id, "id": done.id, "created": done.created, "marathon": done.url},
            notes=list(app.notes),
        )
    else:
        terminal.data(done.app_id)
    did = "created" if done.created else "updated"
    named = f" as {done.id}" if done.id else ""
    terminal.say(f"Marathon {done.url} has {did} it, and deploys it{named}")


def own_program() -> tuple[str, tuple[str, ...]]:
    """What runs sparkmesos on this machine, from the root, and its first arguments."""
    called = Path(sys.argv[0])
    if called.name == "sparkmesos" and (found := shutil.which(str(called))) is not None:
        return str(Path(found).absolute()), ()
    installed = Path(sys.executable).absolute().parent / "sparkmesos"
    if installed.is_file():
        return str(installed), ()
    return str(Path(sys.executable).absolute()), ("-m", __package__ or "sparkmesos_cli")
