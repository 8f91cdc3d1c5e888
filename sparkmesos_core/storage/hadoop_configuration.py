"""What Hadoop's clients are configured with: where its files are, where namenodes answer, as whom to ask.

Of core-site.xml and hdfs-site.xml that is read which addresses need: `${name}` in a value stands for another
property; `xi:include`, system properties and `final` are not known.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

from sparkmesos_core.errors import UsageError

DEFAULT_HTTP_PORTS = (9870, 50070)
"""Of a namenode's HTTP server (dfs.namenode.http-address): Hadoop 3, then Hadoop 2."""
DEFAULT_HTTPS_PORTS = (9871, 50470)


_VARIABLE = re.compile(r"\$\{([^{}$\s]+)\}")
_MAX_DEPTH = 20


def hadoop_user(environment: Mapping[str, str]) -> str:
    """As whom Hadoop's clients write without Kerberos: HADOOP_USER_NAME, else the user of this process."""
    return environment.get("HADOOP_USER_NAME") or getpass.getuser()


def configuration_folder(environment: Mapping[str, str]) -> Path | None:
    """The folder of core-site.xml, found as Hadoop's scripts do: HADOOP_CONF_DIR, else below HADOOP_HOME."""
    if chosen := environment.get("HADOOP_CONF_DIR"):
        return Path(chosen)
    home = environment.get("HADOOP_HOME")
    folders = [Path(home) / "etc" / "hadoop", Path(home) / "conf"] if home else []
    return next((folder for folder in folders if (folder / "core-site.xml").is_file()), None)


def hadoop_settings(folder: Path | None) -> dict[str, str]:
    """The properties of core-site.xml and hdfs-site.xml in a folder, as far as they are there.

    Raises UsageError for a file that cannot be read or is no XML.
    """
    settings: dict[str, str] = {}
    for name in ("core-site.xml", "hdfs-site.xml"):
        file = folder / name if folder is not None else None
        if file is None or not file.is_file():
            continue
        try:
            root = ElementTree.parse(file).getroot()  # noqa: S314 - the operator's own file
        except ElementTree.ParseError as error:
            raise UsageError(f"'{file}' is no XML: {error}", hint="Correct it.") from None
        except OSError as error:
            raise UsageError(
                f"'{file}' cannot be read: {error.strerror}", hint="Have its permissions corrected."
            ) from None
        for entry in root.iter("property"):
            settings[(entry.findtext("name") or "").strip()] = (entry.findtext("value") or "").strip()
    return {name: _expanded(value, settings) for name, value in settings.items()}


def namenode_addresses(scheme: str, authority: str, settings: Mapping[str, str]) -> list[str]:
    """Where a URI's namenodes may answer over HTTP: URLs to be tried in order.

    `settings` are those of core-site.xml and hdfs-site.xml. An authority that they know, as a nameservice or
    as a namenode's RPC address, gets the HTTP addresses which they tell. Otherwise the port of an hdfs URI,
    which should be the one for RPC, is tried first, then the ports that Hadoop uses by default.
    Raises UsageError if the URI names no namenode and the settings none either.
    """
    if not authority:
        authority = urlsplit(settings.get("fs.defaultFS", "")).netloc
        if not authority:
            raise UsageError(
                "the URI names no namenode, and there is no fs.defaultFS in core-site.xml (HADOOP_CONF_DIR)",
                hint=f"Write {scheme}://NAMENODE/path, or set HADOOP_CONF_DIR to the folder of that file.",
            )
    secure = scheme == "swebhdfs" or settings.get("dfs.http.policy") == "HTTPS_ONLY"
    protocol = "https" if secure else "http"
    ports = [f":{number}" for number in (DEFAULT_HTTPS_PORTS if secure else DEFAULT_HTTP_PORTS)]
    if authority in settings.get("dfs.nameservices", "").replace(" ", "").split(","):
        known = _of_nameservice(authority, protocol, ports, settings)
        if known:
            return known
    host = _host_of(authority)
    port = authority[len(host) :]
    if scheme == "hdfs" and _is_the_configured_one(host, port, settings):
        address = settings.get(f"dfs.namenode.{protocol}-address", "")
        if address:
            return [f"{protocol}://{address.replace('0.0.0.0', host)}"]  # noqa: S104 - it means: anywhere there
    if port and scheme != "hdfs":
        return [f"{protocol}://{host}{port}"]  # it is the one for HTTP
    return [f"{protocol}://{host}{each}" for each in dict.fromkeys([port, *ports] if port else ports)]


def _expanded(value: str, settings: Mapping[str, str]) -> str:
    for _ in range(_MAX_DEPTH):  # as often as Hadoop's Configuration does
        expanded = _VARIABLE.sub(lambda match: settings.get(match[1], match[0]), value)
        if expanded == value:
            break
        value = expanded
    return value


def _of_nameservice(name: str, protocol: str, ports: list[str], settings: Mapping[str, str]) -> list[str]:
    nodes = settings.get(f"dfs.ha.namenodes.{name}", "").replace(" ", "").split(",")
    addresses = []
    for suffix in [f"{name}.{node}" if node else name for node in nodes]:
        rpc_host = _host_of(settings.get(f"dfs.namenode.rpc-address.{suffix}", ""))
        address = settings.get(f"dfs.namenode.{protocol}-address.{suffix}")
        if address:
            addresses.append(address.replace("0.0.0.0", rpc_host or "0.0.0.0"))  # noqa: S104 - it means: anywhere there
        elif rpc_host:
            addresses += [rpc_host + port for port in ports]
    return [f"{protocol}://{address}" for address in addresses]


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
