"""A file as the body of a request."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from sparkmesos_core.progress import SILENT
from sparkmesos_core.upload.http.body import FileBody
from sparkmesos_core.upload.local_file import LocalFile, read_local_file


@pytest.fixture
def file(tmp_path: Path) -> LocalFile:
    path = tmp_path / "spark.tgz"
    path.write_bytes(os.urandom(1000))
    return read_local_file(path)


class Failing(socket.socket):
    """A connection of which the system knows, just when something is sent, that it is no more."""

    error: OSError

    def send(self, *args: object) -> int:
        raise self.error


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED])
def test_an_answer_is_looked_for_on_a_connection_that_is_reset(number: int, file: LocalFile) -> None:
    here, there = socket.socketpair()
    with there, Failing(fileno=here.detach()) as connection:
        connection.error = OSError(number, os.strerror(number))
        with FileBody(file, SILENT, 20) as body, pytest.raises(BrokenPipeError):
            body.send_over(connection)
        # So that no answer, whichever it is, is taken for one to all of the file.
        assert body.answered_early


def test_other_failures_are_what_they_are(file: LocalFile) -> None:
    here, there = socket.socketpair()
    with there, Failing(fileno=here.detach()) as connection:
        connection.error = OSError(errno.ENETUNREACH, "x")
        with FileBody(file, SILENT, 20) as body, pytest.raises(OSError, match="x") as raised:
            body.send_over(connection)
        assert raised.value.errno == errno.ENETUNREACH
        assert not body.answered_early
