"""Getting the file of one URI to a path, whichever way its scheme asks for."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sparkmesos_core.localcluster.agent.fetcher import subprocesses
from sparkmesos_core.localcluster.agent.fetcher.content import Content, write_content
from sparkmesos_core.localcluster.agent.fetcher.errors import FetchError
from sparkmesos_core.localcluster.agent.fetcher.hadoop_command import HadoopCommand, find_hadoop
from sparkmesos_core.localcluster.agent.fetcher.sandbox_log import SandboxLog
from sparkmesos_core.localcluster.agent.fetcher.uris import NET_SCHEMES, local_path, scheme_of
from sparkmesos_core.redaction import redact_text


@dataclass(frozen=True)
class Downloader:
    """What all downloads of a fetch have in common.

    `stall_seconds` is how long a server may be silent; `hadoop_home` and `s3_endpoint` are explained in
    FetcherOptions.
    """

    cancelled: threading.Event
    log: SandboxLog
    stall_seconds: float
    hadoop_home: Path | None
    s3_endpoint: str | None

    def download(self, location: str, target: Path) -> None:
        """Get a URI's file. Raises FetchError, OSError or FetchCancelled, leaving no part of it."""
        existed = target.exists()
        try:
            self._download(location, target)
        except BaseException:
            if not existed:
                target.unlink(missing_ok=True)  # a part of a file would look like all of it
            raise

    def _download(self, location: str, target: Path) -> None:
        path = local_path(location)
        if path is not None:
            self._copy(path, target)
            return
        way = f"from '{redact_text(location)}' to '{redact_text(str(target))}'"
        hadoop = self._hadoop(location)
        if hadoop is not None:
            hadoop.check(self.log.stdout, self.log.stderr)
            self.log.logger.info("Downloading resource with Hadoop client %s", way)
            hadoop.copy_to_local(location, target, self.log.stderr)
            return
        client, opened = self._open(location)
        self.log.logger.info("Downloading resource%s %s", f" with {client} client" if client else "", way)
        with opened as content:
            write_content(content, target, self.cancelled)

    def size(self, location: str) -> int:
        """How large a URI's file is, before it is fetched. Raises FetchError if that cannot be found out."""
        path = local_path(location)
        if path is not None:
            try:
                return Path(path).stat().st_size
            except OSError as error:
                raise FetchError(str(error.strerror)) from None
        hadoop = self._hadoop(location)
        if hadoop is not None:
            return hadoop.size(location)
        return self._remote_size(location)

    def _hadoop(self, location: str) -> HadoopCommand | None:
        if scheme_of(location) in NET_SCHEMES:
            return None
        return find_hadoop(self.hadoop_home, self.cancelled)

    def _copy(self, source: str, target: Path) -> None:
        if source.endswith("/") or Path(source).is_dir():
            raise FetchError("`source` was a directory")
        if target.is_dir():
            raise FetchError("`destination` was a directory")
        # As Mesos does it, which gives the copy the mode of its source. Its messages stay in English.
        environment = subprocesses.program_environment(LC_ALL="C")
        stdout, stderr = self.log.stdout, self.log.stderr
        command = ["cp", source, str(target)]
        status = subprocesses.run(
            command, self.cancelled, stdout=stdout, stderr=stderr, environment=environment
        )
        if status != 0:
            raise FetchError(f"cp failed with status: {status}")

    def _open(self, location: str) -> tuple[str, AbstractContextManager[Content]]:
        """The name of our own client for a URI, empty for http and ftp, and what it gives."""
        from sparkmesos_core.localcluster.agent.fetcher import ftp_download, http_download, s3, webhdfs

        scheme = scheme_of(location)
        if scheme in ("http", "https"):
            return "", http_download.open_http(location, self.stall_seconds)
        if scheme in ("ftp", "ftps"):
            return "", ftp_download.open_ftp(location, self.stall_seconds)
        if scheme in webhdfs.SCHEMES:
            return "WebHDFS", webhdfs.open_webhdfs(location, self.stall_seconds)
        if scheme in s3.SCHEMES:
            return "S3", s3.open_s3(location, self.s3_endpoint, self.stall_seconds)
        raise _unknown(scheme)

    def _remote_size(self, location: str) -> int:
        from sparkmesos_core.localcluster.agent.fetcher import ftp_download, http_download, s3, webhdfs

        scheme = scheme_of(location)
        if scheme in ("http", "https"):
            return http_download.http_size(location, self.stall_seconds)
        if scheme in ("ftp", "ftps"):
            return ftp_download.ftp_size(location, self.stall_seconds)
        if scheme in webhdfs.SCHEMES:
            return webhdfs.webhdfs_size(location, self.stall_seconds)
        if scheme in s3.SCHEMES:
            return s3.s3_size(location, self.s3_endpoint, self.stall_seconds)
        raise _unknown(scheme)


def _unknown(scheme: str | None) -> FetchError:
    return FetchError(
        "Failed to create HDFS client: no HADOOP_HOME is set and no hadoop is on the PATH; without one, hdfs,"
        f" webhdfs, swebhdfs, s3, s3a and s3n URIs can be fetched, '{scheme}' cannot"
    )
