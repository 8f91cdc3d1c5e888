"""The secrets of tasks: what they are, and those that come as files.

A volume whose source is a secret is a file in the container. Mesos' isolator `volume/secret` mounts one that
is seen in there only. Containers here have no file system of their own: what is in the sandbox is a link to a
file outside, since the agent serves the sandbox to whoever may see it.
"""

from __future__ import annotations

import base64
import binascii
import os
import shutil
from collections.abc import Container as Collection
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from sparkmesos_core.localcluster.agent.launch_failure import LaunchFailed
from sparkmesos_core.localcluster.agent.task_process import Program

JsonObject = dict[str, Any]


def secret_value(secret: JsonObject, whose: str) -> bytes:
    """What a v1 Secret holds. Raises LaunchFailed for one that is kept elsewhere, and for what is no base64.

    `whose` is the variable or file that it is for. References take a module in Mesos' agent; this is what an
    agent without one says.
    """
    if secret.get("type") != "VALUE":
        raise LaunchFailed(
            "Failed to launch container: Collect failed: Default secret resolver cannot resolve references"
        )
    try:
        return base64.b64decode(secret["value"]["data"], validate=True)
    except (binascii.Error, ValueError):
        raise LaunchFailed(f"Failed to launch container: the secret of '{whose}' is no base64") from None


@dataclass(frozen=True)
class SecretFile:
    """A secret for a file of the sandbox."""

    path: PurePosixPath
    """Relative to the sandbox, and in it."""
    data: bytes = field(repr=False)
    is_writable: bool = False


def secret_files(container: JsonObject | None) -> list[SecretFile]:
    """The secrets among the volumes of a v1 ContainerInfo.

    Raises LaunchFailed for all other volumes, for secrets that are to be elsewhere than in the sandbox, and
    as `secret_value` does.
    """
    files = []
    for volume in (container or {}).get("volumes") or []:
        source = volume.get("source") or {}
        if source.get("type") != "SECRET":
            raise LaunchFailed(
                "Failed to launch container: the embedded cluster mounts no volumes but secrets"
            )
        text = str(volume["container_path"])
        path = PurePosixPath(text)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise LaunchFailed(
                f"Failed to launch container: '{text}' is not in the sandbox, and the embedded cluster has"
                " secrets nowhere else"
            )
        is_writable = volume.get("mode", "RW") != "RO"
        files.append(SecretFile(path, secret_value(source["secret"], text), is_writable))
    return files


class SecretFolder:
    """The files of one container's secrets, which only their owner can look at."""

    def __init__(self, secrets: Path, container_id: str) -> None:
        """`secrets` is the agent's folder of them."""
        self._folder = secrets.absolute() / container_id

    def write(self, files: Sequence[SecretFile], sandbox: Path) -> None:
        """Write them, and link to them in the sandbox; what was fetched there under their names is gone.

        Raises OSError, or ValueError for a name that no file can have, and leaves none of them.
        """
        try:
            self._folder.mkdir(parents=True, mode=0o700)
            for number, file in enumerate(files):
                target = self._folder / str(number)
                mode = 0o600 if file.is_writable else 0o400
                with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as writer:
                    writer.write(file.data)
                link = sandbox / file.path
                link.parent.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(target)
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """They are gone; the links lead nowhere."""
        shutil.rmtree(self._folder, ignore_errors=True)


def remove_forgotten(secrets: Path, living: Collection[str]) -> None:
    """Remove the secrets of all containers but those with these ids.

    They are there if a cluster was killed.
    """
    for folder in secrets.iterdir() if secrets.is_dir() else ():
        if folder.name not in living:
            shutil.rmtree(folder, ignore_errors=True)


class ProgramWithSecrets:
    """A program whose secrets are gone with its end."""

    def __init__(self, program: Program, folder: SecretFolder) -> None:
        self._program = program
        self._folder = folder

    @property
    def pid(self) -> int:
        """The first process."""
        return self._program.pid

    async def wait(self) -> int:
        """Its exit status, when it has ended; negative for a signal."""
        status = await self._program.wait()
        self._folder.remove()
        return status

    async def end(self, grace_seconds: float) -> None:
        """End it so that it can clean up, by force after the grace period; return when nothing is left."""
        await self._program.end(grace_seconds)
        self._folder.remove()

    async def kill(self) -> None:
        """End by force all that is left of it."""
        await self._program.kill()
        self._folder.remove()
