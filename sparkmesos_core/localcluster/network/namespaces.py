"""A network for an embedded cluster alone: a bridge, and behind it a namespace for each agent.

Agents' servers listen in their namespaces, and what agents run is started there, as Mesos' isolator
network/cni does it for containers. So each agent has all ports for itself, as on a machine of its own: what
listens at the same port on every machine, such as Spark's shuffle service, can run on several agents of one.

No privileges are needed: the cluster's process moves into a user namespace of its own first, in which it may
make networks, and in which everybody stays who they are. Nothing goes from these networks to that of the
machine, nor from there to them. A namespace is there for as long as a process is in it, or has it open.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import ipaddress
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from sparkmesos_core.errors import LocalClusterError
from sparkmesos_core.localcluster.network import netlink

Within = Callable[[], contextlib.AbstractContextManager[None]]
"""Makes a context in which sockets are opened, or processes started, so that they belong to a network."""

AGENT_PORT = 5051
"""Where agents listen, as those of Mesos do: each can, in a network of its own."""

MOST_AGENTS = 100
# Of addresses that nobody has (RFC 5737): a command outside that looks for this cluster finds no other one.
_NETWORK = ipaddress.IPv4Network("192.0.2.0/24")
_FIRST_AGENT = 101
_BRIDGE, _IN_AGENT = "mesos0", "eth0"

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET of sched.h
_OWN_NETWORK = "/proc/thread-self/ns/net"

_HINT = (
    "It takes Linux with bridges, veth, and user namespaces that everybody may make: sysctl "
    "user.max_user_namespaces above 0; kernel.unprivileged_userns_clone 1 and "
    "kernel.apparmor_restrict_unprivileged_userns 0 where there are such; in a container a seccomp profile "
    "that allows unshare. Else do without --network-namespaces."
)


class AgentNamespace:
    """The network namespace of one agent, in which it has one address."""

    def __init__(self, address: str, descriptor: int) -> None:
        self.address = address
        self._descriptor = descriptor

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets and processes that this thread makes meanwhile are in the namespace, and stay there."""
        with _coming_back():
            _check(_libc().setns(self._descriptor, _NEW_NETWORK))
            yield

    def close(self) -> None:
        """Let go of it; it lasts as long as a process is in it."""
        os.close(self._descriptor)


class ClusterNetwork:
    """The bridge of a cluster, in the network namespace of its process."""

    address = str(_NETWORK[1])
    """Where masters listen, and drivers that run beside them: 192.0.2.1; agents are at 192.0.2.101 and on."""

    def agent_namespace(self, number: int) -> AgentNamespace:
        """A namespace for the agent with this number, from 0 on. Raises LocalClusterError."""
        address = _interface(_FIRST_AGENT + number)
        port = f"agent{number + 1}"
        descriptor = -1
        try:
            with _coming_back():
                _check(_libc().unshare(_NEW_NETWORK))
                descriptor = os.open(_OWN_NETWORK, os.O_RDONLY | os.O_CLOEXEC)
                netlink.set_up("lo")
            namespace = AgentNamespace(str(address.ip), descriptor)
            netlink.add_link_into(descriptor, port, far_name=_IN_AGENT, bridge=_BRIDGE)
            netlink.set_up(port)
            with namespace.entered():
                netlink.add_address(_IN_AGENT, address)
                netlink.set_up(_IN_AGENT)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            raise _refused(error) from error
        return namespace

    def command_inside(self) -> tuple[str, ...]:
        """What to put in front of a command so that it runs beside the masters, as the user who calls it.

        Spark is told where to listen, as it would take the address of the machine's name, which is not there.
        """
        join = ("nsenter", "--preserve-credentials", "--user", "--net", "--target", str(os.getpid()))
        return (*join, "env", f"SPARK_LOCAL_IP={self.address}")


def enter_own_network() -> ClusterNetwork:
    """Move this process into a network of its own, which it shares with what it starts from now on.

    It may have no other thread yet. It cannot go back; if this fails, the process is not to go on either.
    Raises LocalClusterError if the kernel does not allow it, or there are threads, which changes nothing.
    """
    if sys.platform != "linux":
        raise LocalClusterError("There are no network namespaces but on Linux", hint=_HINT)
    if len([*Path("/proc/self/task").iterdir()]) > 1:  # unshare(2) would call it an invalid argument
        raise LocalClusterError(
            "A process that has threads already cannot move into a network of its own",
            hint="Let it do so when it begins, before all that starts threads.",
        )
    user, group = os.geteuid(), os.getegid()
    try:
        _check(_libc().unshare(_NEW_USER | _NEW_NETWORK))
        # Everybody stays who they are. Groups may only be mapped by who cannot drop any (user_namespaces(7)).
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
        netlink.set_up("lo")
        netlink.add_bridge(_BRIDGE)
        netlink.add_address(_BRIDGE, _interface(1))
        netlink.set_up(_BRIDGE)
    except OSError as error:
        raise _refused(error) from error
    return ClusterNetwork()


@contextlib.contextmanager
def _coming_back() -> Iterator[None]:
    """Afterwards this thread is in the network namespace that it is in now."""
    home = os.open(_OWN_NETWORK, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            yield
        finally:
            _check(_libc().setns(home, _NEW_NETWORK))
    finally:
        os.close(home)


def _interface(host: int) -> ipaddress.IPv4Interface:
    """The address with this number in the network."""
    return ipaddress.IPv4Interface((_NETWORK[host], _NETWORK.prefixlen))


def _libc() -> ctypes.CDLL:
    """The functions that Python's own `os` has since 3.12 only."""
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _refused(error: OSError) -> LocalClusterError:
    limit = "as many namespaces as it allows are there already"  # unshare(2): ENOSPC, EUSERS of older Linux
    why = limit if error.errno in (errno.ENOSPC, errno.EUSERS) else error.strerror
    return LocalClusterError(
        f"This machine does not let agents have networks of their own: {why}", hint=_HINT
    )
