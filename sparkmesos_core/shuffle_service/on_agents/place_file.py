"""Where the process of an instance answers, noted in its folder for those who look for it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.durable_framework.store.ownership import Owner, owner_of, this_process
from sparkmesos_core.errors import DaemonError
from sparkmesos_core.process_end import has_ended
from sparkmesos_core.shuffle_service.on_agents.kind import SERVICES

_NAME = "services.url"


@dataclass(frozen=True)
class Place:
    """Where a process answers."""

    url: str
    pid: int
    on_this_machine: bool
    """Whether the process surely runs here: else the folder is one that machines share."""


@contextlib.contextmanager
def noted_place(folder: Path, url: str) -> Iterator[None]:
    """The URL stands in the folder as long as the block lasts. Raises DaemonError if it cannot be written."""
    path = folder / _NAME
    content = json.dumps({"url": url, "owner": vars(this_process())}) + "\n"
    draft = path.with_name(f"{_NAME}.{os.getpid()}")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.write_text(content, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise DaemonError(
            f"{path} cannot be written: {error.strerror}",
            hint="Set SPARKMESOS_STATE_DIR to a folder of yours.",
        ) from error
    try:
        yield
    finally:
        # Another one that runs with the same folder may have noted its own.
        with contextlib.suppress(OSError):
            if path.read_text(encoding="utf-8") == content:
                path.unlink()


def read_place(folder: Path) -> Place | None:
    """What was noted last; None if that process has ended, be it killed, or its machine rebooted.

    Somebody else may answer there by now, who is not to be taken for it. Raises DaemonError if it cannot be
    told, as in the folder of another user.
    """
    path = folder / _NAME
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        url, owner = str(fields["url"]), owner_of(fields["owner"])
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None
    except OSError as error:
        raise DaemonError(
            f"{path}, where a {SERVICES.holder} says where it answers, cannot be read: {error.strerror}",
            hint="Ask as the user whom it runs as, or give --at http://HOST:PORT.",
        ) from error
    here = owner.is_on_this_machine
    # A process that nobody has waited for is still listed.
    ended = owner.has_ended or _rebooted_since(owner) or (here and has_ended(owner.pid))
    return None if ended else Place(url, owner.pid, here)


def _rebooted_since(owner: Owner) -> bool:
    """Whether this machine, to judge by its name, was booted anew since: `Owner.has_ended` is for sure."""
    own = this_process()
    return owner.host == own.host and _boot(owner) != _boot(own)


def _boot(owner: Owner) -> str:
    return owner.machine.partition(" ")[0]
