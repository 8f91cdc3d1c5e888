"""A part as botocore and urllib3 see it."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from sparkmesos_core.upload.s3.part_body import PartBody, send_blocks
from sparkmesos_core.upload.s3.parts import Part
from tests.unit.upload.s3.test_target import Sum

CONTENT = bytes(range(200)) * 5
PART = CONTENT[100:900]


@pytest.fixture
def progress() -> Sum:
    return Sum()


@pytest.fixture
def cancelled() -> threading.Event:
    return threading.Event()


@pytest.fixture
def body(tmp_path: Path, progress: Sum, cancelled: threading.Event) -> Iterator[PartBody]:
    (tmp_path / "file").write_bytes(CONTENT)
    descriptor = os.open(tmp_path / "file", os.O_RDWR)
    yield PartBody(descriptor, Part(1, 100, 800), memoryview(bytearray(64)), progress, cancelled)
    os.close(descriptor)


def test_blocks(body: PartBody, progress: Sum) -> None:
    told = []
    content = b""
    for block in body.blocks():
        told.append(progress.total)
        content += bytes(block)
    assert content == PART
    assert told[:3] == [0, 64, 128]  # a block is told when it has been sent
    assert progress.total == body.reported == len(body) == 800
    assert body.sent_md5.digest() == hashlib.md5(PART).digest()


def test_it_is_rewound_for_another_attempt(body: PartBody, progress: Sum) -> None:
    blocks = body.blocks()
    next(blocks), next(blocks)
    assert progress.total == 64
    body.seek(0)
    assert progress.total == body.reported == 0
    assert b"".join(bytes(block) for block in body.blocks()) == PART
    assert body.sent_md5.digest() == hashlib.md5(PART).digest()
    body.take_back()
    body.take_back()
    assert progress.total == 0


def test_it_is_a_file(body: PartBody, progress: Sum) -> None:
    assert body.read(3) == PART[:3]
    assert body.tell() == 3
    assert body.read() == PART[3:]
    assert body.read() == body.read(5) == b""
    assert body.seek(0, os.SEEK_END) == 800
    assert body.seek(-10, os.SEEK_CUR) == 790
    assert body.read(-1) == PART[-10:]
    assert body.seek(-5000) == 0
    assert body.md5() == hashlib.md5(PART).digest()
    assert body.tell() == 0
    assert progress.total == 0


@pytest.mark.parametrize("use", [lambda b: list(b.blocks()), lambda b: b.md5(), lambda b: b.read()])
def test_cancelled(use: Callable[[PartBody], object], body: PartBody, cancelled: threading.Event) -> None:
    cancelled.set()
    with pytest.raises(CancelledError):
        use(body)
    assert body.failure is None


def test_a_file_that_becomes_shorter(body: PartBody) -> None:
    os.ftruncate(body._descriptor, 500)
    with pytest.raises(CancelledError):
        list(body.blocks())
    assert body.failure is not None
    assert "became shorter" in body.failure.message


def test_a_file_that_cannot_be_read(tmp_path: Path, progress: Sum, cancelled: threading.Event) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    body = PartBody(descriptor, Part(1, 0, 10), memoryview(bytearray(8)), progress, cancelled)
    with pytest.raises(CancelledError):
        body.md5()
    os.close(descriptor)
    assert body.failure is not None
    assert "cannot be read: Is a directory" in body.failure.message


def test_a_client_sends_blocks(body: PartBody) -> None:
    """What urllib3 is given has no `read`, by which it would take 16 KiB at a time."""
    import boto3
    from botocore.awsrequest import AWSPreparedRequest

    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
    send_blocks(client)
    request = AWSPreparedRequest("PUT", "http://x/", {}, body, False)
    client.meta.events.emit("before-send.s3.UploadPart", request=request)
    assert not hasattr(request.body, "read")
    assert b"".join(bytes(block) for block in request.body) == PART
    request.reset_stream()
    assert body.reported == 0
    other = AWSPreparedRequest("PUT", "http://x/", {}, b"bytes", False)
    client.meta.events.emit("before-send.s3.UploadPart", request=other)
    assert other.body == b"bytes"
    client.close()
