"""Files of HDFS over WebHDFS, for machines without a Hadoop client."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from sparkmesos_core.localcluster.agent.fetcher.content import PIECE_BYTES, Content
from sparkmesos_core.localcluster.agent.fetcher.errors import FetchError
from sparkmesos_core.localcluster.agent.fetcher.http_download import new_session
from sparkmesos_core.localcluster.agent.fetcher.network_failures import network_failure
from sparkmesos_core.localcluster.agent.fetcher.uris import authority_and_path, scheme_of

SCHEMES = ("hdfs", "webhdfs", "swebhdfs")
DEFAULT_HTTP_PORTS = (9870, 50070)
"""Of a namenode's HTTP server (dfs.namenode.http-address): Hadoop 3, then Hadoop 2."""
DEFAULT_HTTPS_PORTS = (9871, 50470)


@contextmanager
def open_webhdfs(location: str, stall_seconds: float) -> Iterator[Content]:
    """The file that an hdfs, webhdfs or swebhdfs URI names. Raises FetchError if it cannot be had."""
    address, path, status = _find(location, stall_seconds)
    with _client(address, stall_seconds) as client:
        try:
            with client.read(path, chunk_size=PIECE_BYTES) as pieces:
                yield Content(pieces, int(status["length"]))
        except _failures() as error:
            raise FetchError(_reason(error, address, stall_seconds)) from None


def webhdfs_size(location: str, stall_seconds: float) -> int:
    """How many bytes the file has. Raises FetchError if it cannot be asked for, or is none."""
    return int(_find(location, stall_seconds)[2]["length"])


def namenode_addresses(scheme: str, authority: str, settings: Mapping[str, str]) -> list[str]:
    """Where a URI's namenodes may answer over HTTP: URLs to be tried in order.

    `settings` are those of core-site.xml and hdfs-site.xml. An authority that they know, as a nameservice or
    as a namenode's RPC address, gets the HTTP addresses which they tell. Otherwise the port of an hdfs URI,
    which should be the one for RPC, is tried first, then the ports that Hadoop uses by default.
    Raises FetchError if the URI names no namenode and the settings none either.
    """
    if not authority:
        authority = urlsplit(settings.get("fs.defaultFS", "")).netloc
        if not authority:
            raise FetchError(
                "the URI names no namenode, and there is no fs.defaultFS in core-site.xml (HADOOP_CONF_DIR)"
            )
    secure = scheme == "swebhdfs" or settings.get("dfs.http.policy") == "HTTPS_ONLY"
    protocol = "https" if secure else "http"
    if authority in settings.get("dfs.nameservices", "").replace(" ", "").split(","):
        nodes = settings.get(f"dfs.ha.namenodes.{authority}", "").replace(" ", "").split(",")
        names = [f"{authority}.{node}" if node else authority for node in nodes]
        known = [settings.get(f"dfs.namenode.{protocol}-address.{name}") for name in names]
        if addresses := [f"{protocol}://{address}" for address in known if address]:
            return addresses
    host = _host_of(authority)
    port = authority[len(host) :]
    if scheme == "hdfs" and _is_the_configured_one(host, port, settings):
        address = settings.get(f"dfs.namenode.{protocol}-address", "")
        if address:
            return [f"{protocol}://{address.replace('0.0.0.0', host)}"]  # noqa: S104 - it means: anywhere there
    ports = [f":{number}" for number in (DEFAULT_HTTPS_PORTS if secure else DEFAULT_HTTP_PORTS)]
    if port and scheme != "hdfs":
        return [f"{protocol}://{host}{port}"]  # it is the one for HTTP
    return [f"{protocol}://{host}{each}" for each in dict.fromkeys([port, *ports] if port else ports)]


def hadoop_settings(folder: Path | None) -> dict[str, str]:
    """The properties of core-site.xml and hdfs-site.xml in a folder, as far as they are there.

    Raises FetchError for a file that is no XML.
    """
    settings: dict[str, str] = {}
    for name in ("core-site.xml", "hdfs-site.xml"):
        file = folder / name if folder is not None else None
        if file is None or not file.is_file():
            continue
        try:
            root = ElementTree.parse(file).getroot()  # noqa: S314 - the operator's own file
        except ElementTree.ParseError as error:
            raise FetchError(f"'{file}' is no XML: {error}") from None
        for entry in root.iter("property"):
            settings[(entry.findtext("name") or "").strip()] = (entry.findtext("value") or "").strip()
    return settings


def _is_the_configured_one(host: str, port: str, settings: Mapping[str, str]) -> bool:
    for known in (
        urlsplit(settings.get("fs.defaultFS", "")).netloc,
        settings.get("dfs.namenode.rpc-address"),
    ):
        if known and _host_of(known) == host and (known[len(host) :] or ":8020") == (port or ":8020"):
            return True
    return False


def _host_of(authority: str) -> str:
    before, colon, last = authority.rpartition(":")
    return before if colon and last.isdigit() else authority


def _find(location: str, stall_seconds: float) -> tuple[str, str, dict[str, Any]]:
    """The namenode that knows the file, the file's path and status."""
    authority, path = authority_and_path(location)
    if "@" in authority:
        raise FetchError("WebHDFS takes no user name or password in a URI: set HADOOP_USER_NAME")
    folder = os.environ.get("HADOOP_CONF_DIR")
    settings = hadoop_settings(Path(folder) if folder else None)
    tried = []
    for address in namenode_addresses(scheme_of(location) or "", authority, settings):
        try:
            with _client(address, stall_seconds) as client:
                status = client.status(path)
        except _failures() as error:
            if getattr(error, "exception", None) not in (None, "StandbyException", "RetriableException"):
                raise FetchError(f"the namenode at {address} says: {_first_line(error)}") from None
            tried.append(f"{address} ({_reason(error, address, stall_seconds)})")
        else:
            if status.get("type") != "FILE":
                raise FetchError(f"'{path}' is a directory")
            return address, path, status
    raise FetchError(
        f"no namenode answers over WebHDFS; tried {', '.join(tried)}. Set HADOOP_CONF_DIR to the folder of"
        " hdfs-site.xml, or HADOOP_HOME to a Hadoop client"
    )


@contextmanager
def _client(address: str, stall_seconds: float) -> Iterator[Any]:
    from hdfs import InsecureClient

    with new_session(address) as session:
        user = os.environ.get("HADOOP_USER_NAME") or getpass.getuser()
        yield InsecureClient(address, user=user, session=session, timeout=stall_seconds)


def _failures() -> tuple[type[Exception], ...]:
    import requests
    from hdfs import HdfsError

    # The last two: an answer in JSON, but not that of a namenode.
    return (HdfsError, requests.RequestException, OSError, KeyError, TypeError)


def _reason(error: Exception, address: str, stall_seconds: float) -> str:
    from hdfs import HdfsError

    if isinstance(error, HdfsError):
        standby = getattr(error, "exception", None) == "StandbyException"
        return "a standby" if standby else f"no WebHDFS: {_first_line(error)}"
    if isinstance(error, KeyError | TypeError):
        return "no WebHDFS"
    return network_failure(error, urlsplit(address).hostname or "", stall_seconds)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]
