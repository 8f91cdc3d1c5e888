"""One container's fetch: its URIs in order, into its sandbox, with the log that Mesos' fetcher writes."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparkmesos_core.localcluster.agent.fetcher.cache import CachedFile, FetcherCache
from sparkmesos_core.localcluster.agent.fetcher.download import Downloader
from sparkmesos_core.localcluster.agent.fetcher.errors import FetchCancelled, FetchError
from sparkmesos_core.localcluster.agent.fetcher.sandbox_log import SandboxLog, sandbox_log
from sparkmesos_core.localcluster.agent.fetcher.unpack import is_archive, is_single_file, unpack
from sparkmesos_core.localcluster.agent.fetcher.uris import FetchUri, check_uris
from sparkmesos_core.redaction import redact_text

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class FetcherOptions:
    """What an agent's fetches have in common, but for the user.

    `cache` is the agent's; without one everything is fetched anew. `user` is the command's, to whom cached
    files belong; nothing else depends on it, since tasks run as the cluster's own user. `hadoop_home` is
    where a Hadoop client is (Mesos' --hadoop_home), before HADOOP_HOME and PATH are looked at. `s3_endpoint`
    is the URL of an S3 server, before AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL. `stall_seconds` is how long
    a server may be silent (Mesos' --fetcher_stall_timeout).
    """

    cache: FetcherCache | None = None
    user: str | None = None
    hadoop_home: Path | None = None
    s3_endpoint: str | None = None
    stall_seconds: float = 60.0


def fetch_all(
    uris: Sequence[Mapping[str, Any]],
    sandbox: Path,
    cancelled: threading.Event,
    options: FetcherOptions = FetcherOptions(),
) -> None:
    """Fetch v1 `CommandInfo.URI` objects (value, extract, executable, output_file, cache) in order; blocks.

    Raises InvalidUriError if Mesos would refuse one before it fetches any; FetchError, after it is told in
    the sandbox's `stderr`, for the first one that fails; and FetchCancelled soon after the event is set,
    except while a silent server is waited for.
    """
    checked = check_uris(uris)
    if checked:
        with ExitStack() as stack:
            _Fetch(checked, sandbox, cancelled, options, stack.enter_context(sandbox_log(sandbox))).run()


class _Fetch:
    def __init__(
        self,
        uris: Sequence[FetchUri],
        sandbox: Path,
        cancelled: threading.Event,
        options: FetcherOptions,
        log: SandboxLog,
    ) -> None:
        self._uris = uris
        self._sandbox = sandbox
        self._cancelled = cancelled
        self._options = options
        self._log = log.logger
        self._downloader = Downloader(
            cancelled, log, options.stall_seconds, options.hadoop_home, options.s3_endpoint
        )

    def run(self) -> None:
        cache, user = self._options.cache, self._options.user
        with ExitStack() as stack:
            files: Mapping[str, CachedFile] = {}
            if cache is not None:
                cached = [uri.value for uri in self._uris if uri.cache]
                files = stack.enter_context(
                    cache.files(
                        cached, user, self._cancelled, lambda value: self._downloader.size(value.lstrip())
                    )
                )
            self._log.info("Fetcher Info: %s", _compact(self._info(files)))
            # What is downloaded for the first URI of a value is in the cache for the second.
            downloaded: set[str] = set()
            for uri in self._uris:
                if self._cancelled.is_set():
                    raise FetchCancelled
                self._log.info("Fetching URI '%s'", uri.shown)
                try:
                    fetched = self._fetch(uri, files.get(uri.value) if uri.cache else None, downloaded)
                except FetchCancelled:
                    raise
                except Exception as error:  # noqa: BLE001 - see below
                    if self._cancelled.is_set():
                        raise FetchCancelled from None  # a silent server was waited for meanwhile
                    # Decompressors and HTTP libraries have many errors of their own, none of which may be
                    # lost; nor may the secrets be told that they may hold.
                    text = f"Failed to fetch '{uri.shown}': {_one_line(error)}"
                    self._log.error("EXIT with status 1: %s", text)
                    raise FetchError(text) from None
                self._log.info("Fetched '%s' to '%s'", uri.shown, redact_text(str(fetched)))
            self._log.info("Successfully fetched all URIs into '%s'", self._sandbox)

    def _info(self, files: Mapping[str, CachedFile]) -> JsonObject:
        items = []
        for uri in self._uris:
            file = files.get(uri.value) if uri.cache else None
            item: JsonObject = {"action": "BYPASS_CACHE", "uri": uri.as_json()}
            if file is not None:
                item["action"] = "DOWNLOAD_AND_CACHE" if file.to_download else "RETRIEVE_FROM_CACHE"
                item["cache_filename"] = redact_text(file.path.name)
            items.append(item)
        info: JsonObject = {
            "items": items,
            "sandbox_directory": str(self._sandbox),
            "stall_timeout": {"nanoseconds": round(self._options.stall_seconds * 1e9)},
        }
        if self._options.cache is not None:
            info["cache_directory"] = str(self._options.cache.folder_of(self._options.user))
        if self._options.user is not None:
            info["user"] = self._options.user
        return info

    def _fetch(self, uri: FetchUri, file: CachedFile | None, downloaded: set[str]) -> Path:
        """Where it is now: the file, or the folder into which a cached archive was unpacked."""
        if file is None:
            return self._fetch_directly(uri)
        if file.to_download and uri.value not in downloaded:
            self._downloader.download(uri.location, file.path)
            downloaded.add(uri.value)
            assert self._options.cache is not None
            self._options.cache.finished(file)
        return self._fetch_from_cache(uri, file.path)

    def _fetch_directly(self, uri: FetchUri) -> Path:
        self._log.info("Fetching '%s' directly into the sandbox directory", uri.shown)
        target = self._target(uri)
        self._downloader.download(uri.location, target)
        if uri.executable:
            target.chmod(0o755)
        elif uri.extract and not self._unpack(target):
            self._warn_of_copying(uri)
        return target

    def _fetch_from_cache(self, uri: FetchUri, cached: Path) -> Path:
        self._log.info("Fetching URI '%s' from cache", uri.shown)
        target = self._target(uri)
        if not uri.executable and uri.extract:
            if self._unpack(cached):
                return self._sandbox
            self._warn_of_copying(uri)
        self._downloader.download(str(cached), target)
        if uri.executable:
            target.chmod(0o755)
        return target

    def _target(self, uri: FetchUri) -> Path:
        target = self._sandbox / uri.name()
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _unpack(self, archive: Path) -> bool:
        if not is_archive(archive.name):
            return False
        try:
            unpack(archive, self._sandbox, self._cancelled)
        except FetchCancelled:
            raise
        except Exception as error:  # noqa: BLE001 - decompressors have many
            raise FetchError(
                f"Failed to extract archive '{redact_text(str(archive))}' to '{self._sandbox}':"
                f" {_one_line(error)}"
            ) from None
        if is_single_file(archive.name):
            self._log.info("Extracted '%s' into '%s'", redact_text(str(archive)), self._sandbox)
        return True

    def _warn_of_copying(self, uri: FetchUri) -> None:
        self._log.warning(
            "Copying instead of extracting resource from URI with 'extract' flag, because it does not seem to"
            " be an archive: %s",
            uri.shown,
        )


def _one_line(error: Exception) -> str:
    text = str(error)
    if not isinstance(error, FetchError | OSError):
        text = f"{type(error).__name__}: {text}"  # what it says alone may be no more than a number
    return " ".join(redact_text(text).split())


def _compact(info: JsonObject) -> str:
    return json.dumps(info, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
