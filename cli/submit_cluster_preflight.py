"""What `submit` looks at in cluster mode before a dispatcher is asked to run the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .submission_check import shows_no_error
from .terminal import Terminal

if TYPE_CHECKING:
    from sparkmesos_core.client_configuration import ClientConfiguration
    from sparkmesos_core.dispatcher.client import DispatcherClient
    from sparkmesos_core.preflight.cluster_reading import MasterAccess


def passes_preflight(
    context: click.Context,
    terminal: Terminal,
    client: ClientConfiguration,
    dispatcher: DispatcherClient,
    mesos_master: str | None,
) -> bool:
    """Shows what the driver of an application with the shuffle service would fail of; false if it is certain.

    `mesos_master` is the one that is set; without one it is that of the dispatcher. Raises UnreachableError
    if the dispatcher is.
    """
    given = context.params
    from sparkmesos_core.errors import DispatcherError
    from sparkmesos_core.master import EmbeddedMaster, parse_master
    from sparkmesos_core.mesos.leader import resolve_leader
    from sparkmesos_core.preflight.cluster_reading import MasterAccess
    from sparkmesos_core.preflight.preflight import preflight_in_cluster_mode

    ca_file = given["ca_file"]
    told = _usable(mesos_master)
    problem = "the dispatcher does not tell which Mesos master it has"
    if told is None:
        try:
            told = _usable(dispatcher.mesos_master())
        except DispatcherError as error:
            problem = error.message

    def find_master() -> MasterAccess:
        if told is None:
            raise DispatcherError(problem)
        master = parse_master(told)
        assert not isinstance(master, EmbeddedMaster)
        url = resolve_leader(master, ca_file=str(ca_file) if ca_file is not None else None).http_url
        return MasterAccess(url, ca_file, *_credentials(client))

    found = preflight_in_cluster_mode(client.configuration, find_master, timeout=given["preflight_timeout"])
    if shows_no_error(terminal, found):
        return True
    terminal.say("Nothing was submitted; with --no-preflight it would be.")
    return False


def _usable(url: str | None) -> str | None:
    """The URL, unless it is that of an embedded master: which runs, if at all, for another command."""
    from sparkmesos_core.master import EmbeddedMaster, parse_master

    return None if url is None or isinstance(parse_master(url), EmbeddedMaster) else url


def _credentials(client: ClientConfiguration) -> tuple[str | None, str | None]:
    """For the endpoints of the master; none if they cannot be read, of which the driver complains."""
    from sparkmesos_core.conf.mesos_credentials import mesos_credentials
    from sparkmesos_core.errors import UsageError

    try:
        return mesos_credentials(client.configuration)
    except UsageError:
        return None, None
