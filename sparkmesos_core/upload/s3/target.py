"""An object of S3, or of a server that speaks its protocol."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from sparkmesos_core.errors import SparkMesosError, UploadError
from sparkmesos_core.progress import Progress
from sparkmesos_core.storage.s3_client import is_amazon, new_s3_client
from sparkmesos_core.upload.destination import Destination
from sparkmesos_core.upload.local_file import LocalFile
from sparkmesos_core.upload.record import MAX_BYTES, SUFFIX
from sparkmesos_core.upload.s3.failures import S3Place, field_of, s3_failure
from sparkmesos_core.upload.s3.kept_upload import KeptUpload, KeptUploads
from sparkmesos_core.upload.s3.multipart import DamagedPartError, MultipartUpload
from sparkmesos_core.upload.s3.part_body import send_blocks
from sparkmesos_core.upload.s3.parts import MAX_CONNECTIONS, part_bytes
from sparkmesos_core.upload.target import Pieces, Stored, TransientFailureError, UploadOptions

_PIECE_BYTES = 1 << 20
_ATTEMPTS = 3
"""How often a call is tried by botocore itself."""
_CLEANING_SECONDS = 10.0
"""How long a server may be silent when an upload is taken back."""
_DIGEST = "sha256"
"""The name of the metadata that has the file's digest."""


def client_for(options: UploadOptions) -> Any:
    """A client as the options say. Raises what `new_s3_client` raises."""
    s3 = options.s3
    return new_s3_client(
        s3.endpoint_url,
        options.stall_seconds,
        path_style=s3.path_style,
        profile=s3.profile,
        region=s3.region,
        ca_file=s3.ca_file,
        attempts=_ATTEMPTS,
        connections=MAX_CONNECTIONS,
    )


class S3Target:
    """An object in a bucket. See `Target` for the methods.

    Whatever the size, it is a multipart upload: until it is completed, no part of it is an object.
    """

    def __init__(self, destination: Destination, options: UploadOptions) -> None:
        """Raises UsageError for options that no client can be made with."""
        self._destination = destination
        self._options = options
        self._bucket = destination.authority
        self._key = destination.path.removeprefix("/")
        self._place = S3Place(
            destination.label, self._bucket, self._bucket, options.stall_seconds, options.s3
        )
        with self._talking():
            self._client = client_for(options)
        self._endpoint = str(self._client.meta.endpoint_url)
        self._place = S3Place(
            destination.label,
            self._bucket,
            urlsplit(self._endpoint).netloc,
            options.stall_seconds,
            options.s3,
        )
        send_blocks(self._client)
        self._kept = (
            KeptUploads(options.environment, self._endpoint, self._bucket, self._key)
            if options.resume
            else None
        )
        self._upload: MultipartUpload | None = None
        self._file: LocalFile | None = None
        # Next to the way to Amazon the digest costs nothing, and buckets with a lock want it.
        self._announce_md5 = is_amazon(self._endpoint)
        self._published = False
        self._confirmed: Stored | None = None
        """What the server has said that it has under the name."""
        self.remarks: list[str] = []

    @property
    def uri(self) -> str:
        """See Target."""
        return self._destination.uri

    @property
    def label(self) -> str:
        """See Target."""
        return self._destination.label

    @property
    def sends_aside(self) -> bool:
        """See Target."""
        return True

    def prepare(self) -> None:
        """Begin an upload, with all options, and take it back: that shows whether one would be let."""
        with self._talking():
            upload_id = self._begin({})
        with contextlib.suppress(SparkMesosError, TransientFailureError), self._talking():
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=upload_id)

    def stat(self) -> Stored | None:
        """See Target. What was just put there is not asked for if the server has told its digest."""
        if self._confirmed is not None:
            return self._confirmed
        head = self._unless_missing(lambda: self._client.head_object(Bucket=self._bucket, Key=self._key))
        if head is None:
            return None
        if head is _FORBIDDEN:
            # Who may write but not read, or not list, cannot know. It was accepted by digest.
            return Stored(None) if self._published else None
        with self._talking():
            return Stored(int(field_of(head, "ContentLength")), _time(head), _digest_of(head))

    def content(self) -> Pieces:
        """See Target."""
        with self._talking():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key)
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(_PIECE_BYTES)

    def read_record(self) -> tuple[bytes, float | None] | None:
        """See Target."""
        answer = self._unless_missing(
            lambda: self._client.get_object(Bucket=self._bucket, Key=self._key + SUFFIX)
        )
        if answer is None or answer is _FORBIDDEN:
            return None
        with self._talking(), closing(answer["Body"]) as body:
            return body.read(MAX_BYTES), _time(answer)

    def send(self, file: LocalFile, progress: Progress) -> None:
        """See Target."""
        from botocore.exceptions import ClientError, ReadTimeoutError

        self._file = file
        if not file.size:
            return  # a multipart upload has at least one byte; `publish` puts it
        if self._upload is None:
            self._upload = self._taken_up(file) or self._begun(file)
        arrived = self._upload.arrived
        with self._talking():
            try:
                self._upload.send(file, progress)
            except ReadTimeoutError:
                # rclone takes a part once, and as long as it waits for the rest of one whose connection has
                # died unnoticed, whoever sends that part again gets no answer.
                if self._upload.arrived == arrived and not is_amazon(self._endpoint):
                    self._abort()
                raise
            except DamagedPartError as error:
                # From now on the server compares before it takes a part.
                self._announce_md5 = True
                self._abort()
                raise TransientFailureError(
                    UploadError(
                        f"part {error} of {self.label} did not arrive as it was sent",
                        hint="The network, a proxy or the server corrupts data. Nothing was left there.",
                    )
                ) from error
            except ClientError as error:
                if _code(error) != "NoSuchUpload":
                    raise
                # Somebody, or a rule of the bucket, has removed it: the next attempt begins another.
                self._upload = None
                gone = s3_failure(error, self._place)
                raise (TransientFailureError(gone) if isinstance(gone, SparkMesosError) else gone) from error

    def sent(self) -> None:
        """See Target: the MD5 of each part was compared, by the server or by `send`."""

    def publish(self) -> None:
        """See Target."""
        file = self._file
        assert file is not None, "send comes first"
        try:
            with self._talking():
                if self._upload is None:
                    self._client.put_object(
                        Bucket=self._bucket, Key=self._key, Body=b"", **self._settings(_metadata(file))
                    )
                elif self._upload.complete():
                    self._confirmed = Stored(file.size, None, file.sha256)
        except UploadError:
            # An answer that was lost on its way made botocore ask once more.
            stored = self.stat()
            if stored is None or (stored.size, stored.sha256) != (file.size, file.sha256):
                raise
        self._published = True
        self._upload = None
        if self._kept is not None:
            self._kept.forget()

    def write_record(self, content: bytes) -> None:
        """See Target."""
        settings = self._settings({})
        # Classes for rare use bill small objects as if they were large.
        settings.pop("StorageClass", None)
        with self._talking():
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._key + SUFFIX,
                Body=content,
                ContentType="text/plain",
                **settings,
            )

    def discard(self, *, withdrawn: LocalFile | None = None) -> None:
        """See Target. With `resume`, an upload of which parts have arrived is kept."""
        if withdrawn is not None and self._upload is None:
            self._upload = self._kept_of(withdrawn)
        has_parts = self._upload is not None and self._upload.has_parts
        if not (withdrawn is None and has_parts and self._kept is not None):
            self._abort()

    def close(self) -> None:
        """See Target."""
        self._client.close()

    def _abort(self) -> None:
        """Let the server forget the upload, if there is one. Never raises."""
        upload, self._upload = self._upload, None
        if upload is None:
            return
        # Not the client that may be what hangs: this one gives up soon.
        seconds = min(self._options.stall_seconds, _CLEANING_SECONDS)
        with (
            contextlib.suppress(SparkMesosError, TransientFailureError),
            self._talking(),
            closing(client_for(replace(self._options, stall_seconds=seconds))) as client,
        ):
            upload.abort(client)
        if self._kept is not None:
            self._kept.forget()

    def _begun(self, file: LocalFile) -> MultipartUpload:
        each = part_bytes(file.size)
        with self._talking():
            upload_id = self._begin(_metadata(file))
        upload = self._multipart(upload_id, each, {})
        if self._kept is not None:
            self._upload = upload  # for `discard`, if this fails
            self._kept.save(KeptUpload(upload_id, file.sha256, file.size, each))
        return upload

    def _taken_up(self, file: LocalFile) -> MultipartUpload | None:
        """The upload of this very file that an earlier run has kept, if the server still has it."""
        kept = self._kept.load() if self._kept is not None else None
        if kept is None:
            return None
        there: dict[int, tuple[str, int]] = {}

        def list_parts() -> bool:
            pages = self._client.get_paginator("list_parts").paginate(
                Bucket=self._bucket, Key=self._key, UploadId=kept.upload_id
            )
            for page in pages:
                for part in page.get("Parts", []):
                    there[int(part["PartNumber"])] = (str(part["ETag"]), int(part["Size"]))
            return True

        if self._unless_missing(list_parts) is not True:
            return None
        upload = self._multipart(kept.upload_id, kept.part_bytes, there)
        if (kept.sha256, kept.size) == (file.sha256, file.size):
            return upload
        # It was of another file, which this one replaces.
        with contextlib.suppress(SparkMesosError, TransientFailureError), self._talking():
            upload.abort(self._client)
        return None

    def _kept_of(self, file: LocalFile) -> MultipartUpload | None:
        """What an earlier run has kept of this very file, without a look whether the server still has it."""
        kept = self._kept.load() if self._kept is not None else None
        if kept is None or (kept.sha256, kept.size) != (file.sha256, file.size):
            return None
        return self._multipart(kept.upload_id, kept.part_bytes, {})

    def _multipart(self, upload_id: str, each: int, there: dict[int, tuple[str, int]]) -> MultipartUpload:
        return MultipartUpload(
            self._client,
            self._bucket,
            self._key,
            upload_id,
            each,
            there,
            announce_md5=self._announce_md5,
        )

    def _begin(self, metadata: dict[str, str]) -> str:
        answer = self._client.create_multipart_upload(
            Bucket=self._bucket, Key=self._key, **self._settings(metadata)
        )
        return str(field_of(answer, "UploadId"))

    def _settings(self, metadata: dict[str, str]) -> dict[str, Any]:
        s3 = self._options.s3
        settings = {
            "Metadata": metadata or None,
            "ACL": s3.acl,
            "ServerSideEncryption": s3.encryption or ("aws:kms" if s3.kms_key else None),
            "SSEKMSKeyId": s3.kms_key,
            "StorageClass": s3.storage_class,
        }
        return {name: value for name, value in settings.items() if value is not None}

    def _unless_missing(self, call: Callable[[], Any]) -> Any:
        """What a call gives; None if what it asks for does not exist, `_FORBIDDEN` if that is not told."""
        from botocore.exceptions import ClientError

        with self._talking():
            try:
                return call()
            except ClientError as error:
                code = _code(error)
                if code in ("404", "NoSuchKey", "NotFound", "NoSuchUpload"):
                    return None
                if code in ("403", "AccessDenied"):
                    return _FORBIDDEN
                raise

    @contextmanager
    def _talking(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError, OSError, ValueError) as error:
            raise s3_failure(error, self._place) from error


_FORBIDDEN = object()


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _metadata(file: LocalFile) -> dict[str, str]:
    return {_DIGEST: file.sha256}


def _digest_of(answer: Any) -> str | None:
    # Some servers change the case of names.
    for name, value in answer.get("Metadata", {}).items():
        if name.lower() == _DIGEST and re.fullmatch(r"[0-9a-fA-F]{64}", value):
            return str(value).lower()
    return None


def _time(answer: Any) -> float | None:
    modified = answer.get("LastModified")
    return None if modified is None else float(modified.timestamp())
