"""A TCP proxy on loopback that breaks connections where a test tells it to."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from sparkmesos_core.master import HostPort

Direction = Literal["up", "down"]
"""From the client to the server, or back."""
Kind = Literal["reset", "close", "stall", "flip"]
"""What happens at a byte: the connection is reset (RST), closed (FIN), says no more, or the byte is changed."""

_PIECE_BYTES = 1 << 16
_LOOK_SECONDS = 0.02
"""How often a connection that stalls looks whether it may go on."""


class CuttingProxy:
    """Passes everything on to `target`, but for the fault that is planned.

    `target` may be changed at any time: it is for new connections. `connections` counts those that came,
    `fired` how often the fault has happened, `carried` the bytes passed on so far by direction.
    """

    def __init__(self, target: HostPort, receive_buffer: int | None = None, host: str = "127.0.0.1") -> None:
        self.target = target
        self.connections = 0
        self.fired = 0
        self.carried: dict[Direction, int] = {"up": 0, "down": 0}
        self.happened = threading.Event()
        """Set once the fault has happened."""
        self.bytes_per_second: float | None = None
        """How fast a connection is at most, about."""
        self.closed = threading.Event()
        self.released = threading.Event()
        self.dropped = threading.Event()
        self._lock = threading.Lock()
        self._kind: Kind = "reset"
        self._direction: Direction = "up"
        self._left: int | None = None
        self._after = 0
        self._times = 0
        self._behind = b""
        self._listening = socket.create_server((host, 0), backlog=128)
        if receive_buffer is not None:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.address = HostPort(host, self._listening.getsockname()[1])
        self.wake, self._waker = socket.socketpair()
        self._threads: list[threading.Thread] = []
        self._carried: set[_Connection] = set()
        self._refuses = False

    def plan(
        self, kind: Kind, after: int, *, direction: Direction = "up", times: int = 1, behind: bytes = b""
    ) -> None:
        """Let this happen at the byte number `after` (from 0) that goes in that direction from now on.

        Bytes are counted over all connections, and after it has happened from 0 again, until it has happened
        `times` times. With `behind`, the bytes of a connection count only from the end of the first such text
        in it on, as in b"PUT /name ". This replaces what was planned before.
        """
        with self._lock:
            self._kind, self._direction, self._behind = kind, direction, behind
            self._left = self._after = after
            self._times = times
            self.happened.clear()
            self.released.clear()
            self.dropped.clear()

    def cut(self) -> int:
        """Reset all connections at once, whether anybody says something or not, and new ones until `heal`; how many."""
        with self._lock:
            self._refuses = True
            cut = list(self._carried)
        for connection in cut:
            connection.cut()
        self.fired += len(cut)
        return len(cut)

    def heal(self) -> None:
        """Plan nothing; what stalls goes on."""
        with self._lock:
            self._left, self._times = None, 0
            self._refuses = False
            self.released.set()

    def drop(self) -> None:
        """Plan nothing; what stalls is cut."""
        with self._lock:
            self._left, self._times = None, 0
            self.dropped.set()

    def serve(self) -> None:
        """Accept connections until `close`."""
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._carry, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Close everything and wait for all threads."""
        self.closed.set()
        self._waker.close()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)
        self.wake.close()

    def _carry(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection((self.target.host, self.target.port), 10)
            except OSError:
                _reset(client)
                return
            with server, contextlib.suppress(OSError):
                connection = _Connection(self, client, server)
                with self._lock:
                    if self._refuses:
                        _reset(client)
                        return
                    self._carried.add(connection)
                try:
                    connection.run()
                finally:
                    with self._lock:
                        self._carried.discard(connection)

    def decide(self, piece: bytes, direction: Direction, start: int | None) -> tuple[Kind | None, int]:
        """What happens in a piece of a connection, and at which byte; its bytes count from `start` on."""
        with self._lock:
            if self._left is None or direction != self._direction or start is None:
                return None, 0
            counted = len(piece) - start
            if self._left >= counted:
                self._left -= counted
                return None, 0
            at = start + self._left
            self.fired += 1
            self._times -= 1
            self._left = self._after if self._times > 0 else None
            return self._kind, at

    def behind(self) -> bytes:
        """After which text bytes count."""
        with self._lock:
            return self._behind

    def count(self, direction: Direction, passed: int) -> None:
        """So many bytes were passed on."""
        with self._lock:
            self.carried[direction] += passed


class _Way:
    """One direction of a connection."""

    def __init__(self, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        self.source, self.sink, self.direction = source, sink, direction
        self.pending = b""
        self.held: bytes | None = None
        """What waits behind a stall; None if nothing stalls."""
        self.finished = False
        self.seen = b""
        self.looked_for = b""
        self.counting = False


class _Connection:
    """One thread has both sockets, so that it alone closes them."""

    def __init__(self, proxy: CuttingProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._ends = (client, server)
        self._ways = (_Way(client, server, "up"), _Way(server, client, "down"))
        self._is_cut = False
        for end in self._ends:
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cut(self) -> None:
        """Reset both ends, from another thread than the one that carries."""
        self._is_cut = True
        for end in self._ends:
            with contextlib.suppress(OSError):  # the other side is gone already
                end.shutdown(
                    socket.SHUT_RD
                )  # which nobody sees but the thread that waits for something to read

    def run(self) -> None:
        """Carry until both sides are done, or it is cut."""
        proxy = self._proxy
        while not proxy.closed.is_set() and not all(way.finished for way in self._ways):
            stalled = False
            for way in self._ways:
                if way.held is not None:
                    stalled = True
                    if proxy.dropped.is_set():
                        for end in self._ends:
                            _reset(end)
                        return
                    if proxy.released.is_set() and not way.pending:
                        way.pending, way.held = way.held, None
            readers = [w.source for w in self._ways if not (w.finished or w.pending or w.held is not None)]
            writers = [w.sink for w in self._ways if w.pending]
            ready, writable, _ = select.select(
                [*readers, proxy.wake], writers, [], _LOOK_SECONDS if stalled else None
            )
            if self._is_cut:
                for end in self._ends:
                    _reset(end)
                return
            for way in self._ways:
                if way.sink in writable:
                    sent = way.sink.send(way.pending)
                    way.pending = way.pending[sent:]
                    proxy.count(way.direction, sent)
                if way.source in ready and not self._read(way):
                    return

    def _read(self, way: _Way) -> bool:
        """Take what has come; False if the connection is cut."""
        try:
            piece = way.source.recv(_PIECE_BYTES)
        except ConnectionError:
            for end in self._ends:
                _reset(end)
            return False
        if not piece:
            way.finished = True
            with contextlib.suppress(OSError):
                way.sink.shutdown(socket.SHUT_WR)
            return True
        if self._proxy.bytes_per_second:
            time.sleep(len(piece) / self._proxy.bytes_per_second)
        kind, at = self._proxy.decide(piece, way.direction, self._counted_from(way, piece))
        if kind in ("reset", "close"):
            way.sink.setblocking(True)
            way.sink.settimeout(5)
            with contextlib.suppress(OSError):
                way.sink.sendall(piece[:at])
            for end in self._ends:
                if kind == "reset":
                    _reset(end)
                else:
                    end.close()
            self._proxy.happened.set()
            return False
        if kind == "flip":
            piece = piece[:at] + bytes([piece[at] ^ 0x20]) + piece[at + 1 :]
        elif kind == "stall":
            piece, way.held = piece[:at], piece[at:]
        way.pending = piece
        if kind:
            # The next time it counts from where it is told to again.
            way.counting, way.seen = False, b""
            self._proxy.happened.set()
        return True

    def _counted_from(self, way: _Way, piece: bytes) -> int | None:
        """From which byte of a piece on bytes count; None if `behind` has not gone by yet."""
        behind = self._proxy.behind()
        if behind != way.looked_for:
            way.looked_for, way.seen, way.counting = behind, b"", False
        if way.counting or not behind:
            return 0
        text = way.seen + piece
        at = text.find(behind)
        if at < 0:
            way.seen = text[-len(behind) :]
            return None
        way.counting = True
        return max(0, at + len(behind) - len(way.seen))


@contextmanager
def cutting_proxy(
    target: HostPort, receive_buffer: int | None = None, host: str = "127.0.0.1"
) -> Iterator[CuttingProxy]:
    """A proxy before `target` until the block ends, at this address of loopback; nothing is planned yet.

    `receive_buffer` is how many bytes of a client the system takes that the proxy has not read yet.
    """
    proxy = CuttingProxy(target, receive_buffer, host)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(10)


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()
