"""S3 in memory, with the methods and the exceptions of a boto3 client, and with faults."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from collections import defaultdict
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

WRITTEN = datetime(2026, 1, 2, tzinfo=timezone.utc)


def refusal(code: str, status: int = 400, message: str = "", **headers: str) -> ClientError:
    """What boto3 raises for an answer."""
    meta = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": meta}, "Operation")


class FakeS3:
    """One bucket. `faults` has, for a method, what the next calls raise (None: nothing).

    `calls` lists names and arguments, without bodies.
    """

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self.uploads: dict[str, dict[int, tuple[str, bytes]]] = {}
        self.begun: dict[str, dict[str, Any]] = {}
        self.faults: dict[str, list[BaseException | None]] = defaultdict(list)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.opaque_etags = False
        self.wants_md5 = False
        self.checks_md5 = True
        self.damage = 0
        """How many parts to come are changed on their way."""
        self.closed = False
        self.lock = threading.Lock()
        self.meta = SimpleNamespace(
            endpoint_url="http://fake:9",
            region_name="us-east-1",
            events=SimpleNamespace(register=self._register),
        )

    def named(self, name: str) -> list[dict[str, Any]]:
        return [arguments for called, arguments in self.calls if called == name]

    def create_multipart_upload(self, **arguments: Any) -> dict[str, Any]:
        self._called("create_multipart_upload", arguments)
        upload_id = f"upload{len(self.named('create_multipart_upload'))}"
        self.uploads[upload_id], self.begun[upload_id] = {}, arguments
        return {"UploadId": upload_id}

    def upload_part(self, *, Body: Any, **arguments: Any) -> dict[str, Any]:
        self._called("upload_part", arguments)
        content = b"".join(bytes(block) for block in Body.blocks())
        assert len(content) == arguments["ContentLength"]
        with self.lock:
            if self.damage:
                self.damage -= 1
                content = bytes([content[0] ^ 1]) + content[1:]
        digest = hashlib.md5(content)
        announced = arguments.get("ContentMD5")
        if self.wants_md5 and announced is None:
            raise refusal("InvalidRequest", message="Content-MD5 is required")
        if announced and self.checks_md5 and base64.b64decode(announced) != digest.digest():
            raise refusal("BadDigest")
        etag = '"opaque"' if self.opaque_etags else f'"{digest.hexdigest()}"'
        self._parts(arguments["UploadId"])[arguments["PartNumber"]] = (etag, content)
        return {"ETag": etag}

    def complete_multipart_upload(self, **arguments: Any) -> dict[str, Any]:
        self._called("complete_multipart_upload", arguments)
        parts = self._parts(arguments["UploadId"])
        listed = arguments["MultipartUpload"]["Parts"]
        assert [parts[part["PartNumber"]][0] for part in listed] == [part["ETag"] for part in listed]
        content = b"".join(parts[part["PartNumber"]][1] for part in listed)
        self.objects[arguments["Key"]] = (content, self.begun[arguments["UploadId"]])
        del self.uploads[arguments["UploadId"]]
        whole = hashlib.md5(b"".join(hashlib.md5(parts[p["PartNumber"]][1]).digest() for p in listed))
        return {"ETag": '"opaque"' if self.opaque_etags else f'"{whole.hexdigest()}-{len(listed)}"'}

    def abort_multipart_upload(self, **arguments: Any) -> None:
        self._called("abort_multipart_upload", arguments)
        self._parts(arguments["UploadId"])
        del self.uploads[arguments["UploadId"]]

    def get_paginator(self, name: str) -> Any:
        assert name == "list_parts"
        return SimpleNamespace(paginate=self._pages)

    def put_object(self, *, Body: bytes, **arguments: Any) -> dict[str, Any]:
        self._called("put_object", arguments)
        self.objects[arguments["Key"]] = (Body, arguments)
        return {"ETag": f'"{hashlib.md5(Body).hexdigest()}"'}

    def head_object(self, **arguments: Any) -> dict[str, Any]:
        self._called("head_object", arguments)
        if arguments["Key"] not in self.objects:
            raise refusal("404", 404)
        content, settings = self.objects[arguments["Key"]]
        # As rclone does it.
        metadata = {name.capitalize(): value for name, value in settings.get("Metadata", {}).items()}
        return {"ContentLength": len(content), "LastModified": WRITTEN, "Metadata": metadata}

    def get_object(self, **arguments: Any) -> dict[str, Any]:
        self._called("get_object", arguments)
        if arguments["Key"] not in self.objects:
            raise refusal("NoSuchKey", 404)
        content = self.objects[arguments["Key"]][0]
        return {"Body": StreamingBody(io.BytesIO(content), len(content)), "LastModified": WRITTEN}

    def close(self) -> None:
        self.closed = True

    def _register(self, event: str, handler: Any) -> None:
        assert event == "before-send.s3.UploadPart"

    def _called(self, name: str, arguments: dict[str, Any]) -> None:
        with self.lock:
            self.calls.append((name, arguments))
            fault = self.faults[name].pop(0) if self.faults[name] else None
        if fault is not None:
            raise fault

    def _parts(self, upload_id: str) -> dict[int, tuple[str, bytes]]:
        if upload_id not in self.uploads:
            raise refusal("NoSuchUpload", 404)
        return self.uploads[upload_id]

    def _pages(self, **arguments: Any) -> list[dict[str, Any]]:
        self._called("list_parts", arguments)
        parts = self._parts(arguments["UploadId"])
        return [
            {"Parts": [{"PartNumber": number, "ETag": etag, "Size": len(content)}]}
            for number, (etag, content) in sorted(parts.items())
        ]
