"""The few requests to Linux' network configuration that a network of namespaces takes (rtnetlink(7)).

In the protocol itself, since `ip` is not on every machine; and executed by anybody but root it would lose the
capabilities that a process has in the user namespace that it has made.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct

_REQUEST, _ACKNOWLEDGE, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_ERROR = 2
_NEW_LINK, _NEW_ADDRESS = 16, 20
_NESTED = 0x8000
# Attributes of links (IFLA_…), of what kind they are (IFLA_INFO_…), of veth pairs, and of addresses (IFA_…).
_NAME, _MASTER, _LINK_INFO, _NAMESPACE = 3, 10, 18, 28
_KIND, _DATA = 1, 2
_PEER = 1
_ADDRESS, _LOCAL = 1, 2
_UP = 0x1

_HEADER = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_ADDRESS_OF_LINK = struct.Struct("=BBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_LARGEST_ANSWER = 65536


def add_bridge(name: str) -> None:
    """A bridge of this name in the namespace of the calling thread. Raises OSError, as all of these do."""
    _create(_text(_NAME, name) + _nested(_LINK_INFO, _text(_KIND, "bridge")))


def add_link_into(namespace: int, name: str, *, far_name: str, bridge: str) -> None:
    """A cable between a port of the bridge, `name` here, and `far_name` in the namespace of a descriptor."""
    far = _LINK.pack(0, 0, 0, 0, 0) + _text(_NAME, far_name) + _number(_NAMESPACE, namespace)
    kind = _text(_KIND, "veth") + _nested(_DATA, _nested(_PEER, far))
    master = _number(_MASTER, socket.if_nametoindex(bridge))
    _create(_text(_NAME, name) + master + _nested(_LINK_INFO, kind))


def add_address(name: str, address: ipaddress.IPv4Interface) -> None:
    """Give an interface an address, and with it the way to the addresses of its network."""
    packed = address.ip.packed
    head = _ADDRESS_OF_LINK.pack(socket.AF_INET, address.network.prefixlen, 0, 0, socket.if_nametoindex(name))
    attributes = _attribute(_LOCAL, packed) + _attribute(_ADDRESS, packed)
    _ask(_NEW_ADDRESS, _CREATE | _EXCLUSIVE, head + attributes)


def set_up(name: str) -> None:
    """Let an interface carry traffic."""
    _ask(_NEW_LINK, 0, _LINK.pack(0, 0, socket.if_nametoindex(name), _UP, _UP))


def _create(attributes: bytes) -> None:
    _ask(_NEW_LINK, _CREATE | _EXCLUSIVE, _LINK.pack(0, 0, 0, 0, 0) + attributes)


def _ask(kind: int, flags: int, body: bytes) -> None:
    """Send a request and wait until it is done. Raises OSError if the kernel refuses it."""
    header = _HEADER.pack(_HEADER.size + len(body), kind, flags | _REQUEST | _ACKNOWLEDGE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.send(header + body)
        answer = kernel.recv(_LARGEST_ANSWER)
    _length, answered, _flags, _sequence, _port = _HEADER.unpack_from(answer)
    (error,) = struct.unpack_from("=i", answer, _HEADER.size)
    if answered != _ERROR or error:  # an acknowledgement is an error of number 0
        raise OSError(-error, os.strerror(-error))


def _attribute(kind: int, value: bytes) -> bytes:
    """An attribute, filled up to the multiple of four bytes at which the next one has to begin."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _nested(kind: int, attributes: bytes) -> bytes:
    return _attribute(kind | _NESTED, attributes)
