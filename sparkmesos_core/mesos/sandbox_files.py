"""The files in sandboxes of an agent's executors, which the agent serves under `/files`.

An agent gives at most 64 KiB at once, and says how large a file is if it is asked without an offset. It
puts bytes that are no UTF-8 into its JSON as they are; here they come out as they were. Behaviour as recorded
from Mesos 1.12.0.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparkmesos_core.errors import MesosError, UnreachableError

if TYPE_CHECKING:
    import requests

    from sparkmesos_core.mesos.http import MesosHttp

LONGEST_PIECE = 64 * 1024
"""The most bytes that an agent gives at once."""


class NoSuchFileError(MesosError):
    """An agent has no such sandbox or file, or not any more."""


@dataclass(frozen=True)
class SandboxFile:
    """A file or folder in a sandbox."""

    path: str
    """As the agent takes it again."""
    size: int
    """Bytes."""
    mode: str
    """As `ls -l` shows it: `-rw-r--r--`."""
    modified_at: float
    """Seconds since 1970."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def is_folder(self) -> bool:
        """Whether it can be browsed."""
        return self.mode.startswith("d")


class SandboxFiles:
    """Asks one agent, over one connection that is kept; not for several threads at once.

    Each method raises UnreachableError if the agent does not answer, NoSuchFileError for what it does not
    have, and MesosError for what it refuses otherwise.
    """

    def __init__(self, http: MesosHttp) -> None:
        self._http = http

    def directory(self, framework_id: str | None, executor_id: str) -> str:
        """The sandbox of the latest run of an executor, be it alive or not; None is any framework.

        A task without an executor of its own (such as a driver) runs in one that has the task's id.
        """
        state = self._http.decode(self._get("/state"))
        try:
            found = list(_directories(state, framework_id, executor_id))
        except (AttributeError, KeyError, TypeError):
            raise MesosError(
                f"What {self._http.base_url}/state answers is no agent's state",
                hint="Check that this is the address of a Mesos agent",
            ) from None
        if found:
            return found[0]
        # The state lists a limited number of executors that have ended; their sandboxes may be there still.
        latest = f"/frameworks/{framework_id}/executors/{executor_id}/runs/latest"
        with contextlib.suppress(NoSuchFileError):
            if framework_id is not None:
                self.browse(latest)
                return latest
        raise NoSuchFileError(
            f"The agent {self._http.base_url} has no sandbox of {executor_id}",
            hint="Agents remove the sandboxes of what has ended after a time (--gc_delay, a week unless"
            " disks are full), and all of them if they start anew with another work folder",
        )

    def browse(self, directory: str) -> list[SandboxFile]:
        """What a folder holds, by name."""
        answer = self._json(self._get("/files/browse", path=directory), directory)
        try:
            return [
                SandboxFile(str(one["path"]), int(one["size"]), str(one["mode"]), float(one["mtime"]))
                for one in answer
            ]
        except (KeyError, TypeError, ValueError):
            raise self._not_understood() from None

    def size(self, path: str) -> int:
        """How large a file is, in bytes."""
        return self._offset(self._json(self._get("/files/read", path=path), path))

    def read(self, path: str, offset: int, length: int = LONGEST_PIECE) -> bytes:
        """What stands in a file at `offset`: at most `length` bytes and LONGEST_PIECE; empty at the end."""
        answer = self._json(self._get("/files/read", path=path, offset=offset, length=length), path)
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, str):
            raise self._not_understood()
        try:
            return data.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # half of a surrogate pair, which no file holds as UTF-8
            return data.encode("utf-8", "replace")

    def pieces(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """What stands in a file from `start` on, up to `end` or what is its end then."""
        while end is None or start < end:
            wanted = LONGEST_PIECE if end is None else min(LONGEST_PIECE, end - start)
            piece = self.read(path, start, wanted)
            if not piece:
                return
            start += len(piece)
            yield piece

    def start_of_last_lines(self, path: str, lines: int) -> tuple[int, int]:
        """Where the last `lines` lines of a file begin, and its size now, both in bytes.

        What has no line feed behind it at the end of the file is a line, too.
        """
        size = self.size(path)
        if lines <= 0:
            return size, size
        end, missing = size, lines
        while end > 0:
            start = max(0, end - LONGEST_PIECE)
            piece = b"".join(self.pieces(path, start, end))
            # The line feed that ends the file ends its last line, and begins none.
            searched = piece[:-1] if end == size else piece
            feeds = searched.count(b"\n")
            if feeds >= missing:
                position = len(searched)
                for _ in range(missing):
                    position = searched.rindex(b"\n", 0, position)
                return start + position + 1, size
            missing -= feeds
            end = start
        return 0, size

    def _get(self, path: str, /, **params: str | int) -> requests.Response:
        try:
            return self._http.get(path, **params)
        except UnreachableError as error:
            raise UnreachableError(
                f"The sandbox cannot be read from its agent: {error.message}",
                hint=f"{error.hint.rstrip('.')}. If that agent is gone for good, so is the sandbox.",
            ) from error

    def _json(self, response: requests.Response, path: str) -> Any:
        """The answer, bytes that are no UTF-8 as lone surrogates (`surrogateescape`)."""
        if response.status_code == 404:
            raise NoSuchFileError(
                f"The agent {self._http.base_url} has no {path}",
                hint="Either it was never written, or the agent has removed the sandbox since",
            )
        if not response.ok:
            return self._http.decode(response)
        try:
            return json.loads(response.content.decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            raise self._not_understood() from None

    def _offset(self, answer: Any) -> int:
        offset = answer.get("offset") if isinstance(answer, dict) else None
        if not isinstance(offset, int):
            raise self._not_understood()
        return offset

    def _not_understood(self) -> MesosError:
        return MesosError(
            f"What {self._http.base_url} answers is not what agents say of files",
            hint="Check that this is the address of a Mesos agent",
        )


def _directories(state: Mapping[str, Any], framework_id: str | None, executor_id: str) -> Iterator[str]:
    """The sandboxes of an executor's runs, a living one first, then from the latest to the first."""
    for frameworks in ("frameworks", "completed_frameworks"):
        for framework in state.get(frameworks, ()):
            if framework_id is not None and framework["id"] != framework_id:
                continue
            for executors in ("executors", "completed_executors"):
                for executor in reversed(framework.get(executors, ())):
                    if executor["id"] == executor_id and executor.get("directory"):
                        yield str(executor["directory"])
