"""The fetcher's cache: one per agent, shared by the fetches of its containers.

As in Mesos (docs/fetcher.md there): files belong to a user and a URI, a URI that somebody downloads already
is waited for, files that are not in use make way for new ones, the least recently used first, and nobody
asks whether the resource has changed meanwhile. Whoever cannot use the cache fetches without it.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.localcluster.agent.fetcher.errors import FetchCancelled, FetchError
from sparkmesos_core.localcluster.agent.fetcher.uris import base_name
from sparkmesos_core.redaction import redact_text

DEFAULT_CACHE_BYTES = 2 << 30
"""Mesos' default of --fetcher_cache_size."""

_LOOK_SECONDS = 0.05
_NAME_LIMIT = 20
_NAME_END = 10

_SERIALS: Counter[Path] = Counter()
"""How many files each folder has had.

A cache goes on where its predecessor in this process has ended: a download for that one may still be under
way, and must not meddle with new files.
"""

logger = logging.getLogger(__name__)

_Key = tuple[str | None, str]


@dataclass(eq=False)
class _Entry:
    """A file of the cache. `cancelled` is its downloader's; `ready` is None until the download ended."""

    key: _Key
    path: Path
    cancelled: threading.Event
    users: int = 0
    reserved: int = 0
    ready: bool | None = None

    @property
    def coming(self) -> bool:
        return self.ready is None and not self.cancelled.is_set()


@dataclass(frozen=True)
class CachedFile:
    """Where a URI's file is, or is to be downloaded to by the one who got this."""

    path: Path
    to_download: bool
    entry: _Entry


class FetcherCache:
    """At most about `size` bytes of files in `folder` (and, per user, in folders below it).

    Like Mesos' --fetcher_cache_dir, the folder belongs to the agent and is cleared when it starts.
    All methods may be called from any thread.
    """

    def __init__(self, folder: Path, size: int = DEFAULT_CACHE_BYTES) -> None:
        self.folder = folder
        self.size = size
        self._entries: dict[_Key, _Entry] = {}  # least recently used first
        self._reserved = 0
        self._changed = threading.Condition()
        shutil.rmtree(folder, ignore_errors=True)

    @property
    def used(self) -> int:
        """The bytes that are in use or set aside."""
        with self._changed:
            return self._reserved

    def folder_of(self, user: str | None) -> Path:
        """Where the files of a user are."""
        return self.folder / user if user else self.folder

    @contextmanager
    def files(
        self,
        uris: Sequence[str],
        user: str | None,
        cancelled: threading.Event,
        size_of: Callable[[str], int],
    ) -> Iterator[dict[str, CachedFile]]:
        """The cached files of URIs, which stay until the block ends; those without one bypass the cache.

        Waits for what others download. What is to be downloaded by the caller is sized first by `size_of`,
        which may raise FetchError, and has to be reported by `finished` as soon as it is there; if it is not,
        those who wait for it bypass the cache. Raises FetchCancelled soon after the event is set.
        """
        # All at once: so of two fetches one came first, and never do they wait for each other.
        with self._changed:
            claims = {uri: self._claim((user, uri), cancelled) for uri in dict.fromkeys(uris)}
        try:
            if claims:
                self.folder_of(user).mkdir(parents=True, exist_ok=True)
            for entry, is_ours in claims.values():
                if is_ours:
                    self._reserve(entry, size_of)
            for entry, is_ours in claims.values():
                if not is_ours:
                    self._wait_for(entry, cancelled)
            yield {
                uri: CachedFile(entry.path, is_ours, entry)
                for uri, (entry, is_ours) in claims.items()
                if entry.ready is (None if is_ours else True)
            }
        finally:
            with self._changed:
                for entry, is_ours in claims.values():
                    if is_ours and entry.ready is None:
                        self._drop(entry)
                    entry.users -= 1
                    if entry.users == 0 and entry.ready is False:
                        self._delete(entry)
                self._changed.notify_all()

    def finished(self, file: CachedFile) -> None:
        """The caller, who is in a block of `files`, has downloaded the file: others may have it now."""
        entry = file.entry
        with self._changed:
            if entry.ready is not None:
                return  # it was given up just before, and others have gone without it
            size = entry.path.stat().st_size
            if size > entry.reserved:
                # Whoever has it keeps it, but the cache must not grow beyond what was set aside.
                logger.warning("%s is larger than was said, and is not kept", redact_text(entry.key[1]))
                self._drop(entry)
            else:
                self._reserved -= entry.reserved - size
                entry.reserved = size
                entry.ready = True
            self._changed.notify_all()

    def _claim(self, key: _Key, cancelled: threading.Event) -> tuple[_Entry, bool]:
        entry = self._entries.pop(key, None)
        if entry is not None and not entry.coming and not (entry.ready and entry.path.exists()):
            # Its download was given up, or somebody has cleared away behind us.
            self._entries[key] = entry
            self._drop(entry)
            entry = None
        is_ours = entry is None
        if entry is None:
            _SERIALS[self.folder] += 1
            name = f"c{_SERIALS[self.folder]}-{_short(redact_text(base_name(key[1])))}"
            entry = _Entry(key, self.folder_of(key[0]) / name, cancelled)
        self._entries[key] = entry  # behind all others: used most recently
        entry.users += 1
        return entry, is_ours

    def _reserve(self, entry: _Entry, size_of: Callable[[str], int]) -> None:
        uri = entry.key[1]
        try:
            size = size_of(uri)
        except FetchError as error:
            self._give_up(entry, f"its size is not known: {error}")
            return
        with self._changed:
            missing = self._reserved + size - self.size
            victims = []
            for other in self._entries.values():
                if missing <= 0:
                    break
                if other.users == 0:
                    victims.append(other)
                    missing -= other.reserved
            if missing <= 0:
                for victim in victims:
                    self._drop(victim)
                self._reserved += size
                entry.reserved = size
                return
        self._give_up(entry, f"{size} bytes do not fit")

    def _give_up(self, entry: _Entry, reason: str) -> None:
        logger.warning("%s is fetched without the cache: %s", redact_text(entry.key[1]), reason)
        with self._changed:
            self._drop(entry)
            self._changed.notify_all()

    def _wait_for(self, entry: _Entry, cancelled: threading.Event) -> None:
        with self._changed:
            while entry.coming:
                if cancelled.is_set():
                    raise FetchCancelled
                self._changed.wait(_LOOK_SECONDS)  # nobody tells us when an event is set

    def _drop(self, entry: _Entry) -> None:
        """Nobody finds it any more."""
        if self._entries.get(entry.key) is entry:
            del self._entries[entry.key]
        entry.ready = False
        if entry.users == 0:
            self._delete(entry)

    def _delete(self, entry: _Entry) -> None:
        with suppress(OSError):
            entry.path.unlink(missing_ok=True)
        self._reserved -= entry.reserved
        entry.reserved = 0


def _short(name: str) -> str:
    """As much of a name as Mesos keeps: its end, which tells what kind of archive it is, always."""
    return name if len(name) <= _NAME_LIMIT else f"{name[:_NAME_END]}_{name[-_NAME_END:]}"
