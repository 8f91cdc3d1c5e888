"""A URL by which agents without credentials fetch an object of S3 for a while.

Mesos names what it fetches after all that follows the last slash of the URI, with the query, and unpacks it
by the end of that name (`Fetcher::basename` in Mesos' src/slave/containerizer/fetcher.cpp). Spark's
`cd BASE*` takes the same text up to its first dot. A URL that is signed in the usual way ends in the
signature, and that name is longer than any file's may be. So here a parameter that ends in a slash and the
name comes last: servers sort parameters before they check the signature, and a slash may stand in a query as
it is (RFC 3986, 3.4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlsplit

from sparkmesos_core.errors import SparkMesosError, UploadError, UsageError
from sparkmesos_core.storage.s3_client import is_amazon
from sparkmesos_core.upload.destination import Destination
from sparkmesos_core.upload.s3.failures import S3Place, s3_failure
from sparkmesos_core.upload.s3.target import client_for
from sparkmesos_core.upload.target import S3Options, TransientFailureError, UploadOptions

MAX_SECONDS = 7 * 24 * 3600
"""Signatures of version 4 hold no longer:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html."""
_LAST = "response-content-disposition"
"""A parameter that every server has. What it asks for is a header that agents do not look at, and that makes
a browser save the file by its name."""
_MAX_NAME = 255


@dataclass(frozen=True)
class PresignedUrl:
    """A URL that is a secret while it holds: whoever has it can fetch the object."""

    url: str
    ends: datetime
    """When it stops to hold, in UTC: the time that was asked for, or the end of the credentials."""
    shortened: bool
    """Whether it ends sooner than was asked for, because the credentials do."""
    temporary: bool
    """Whether it was made with temporary credentials: it ends with them, which is not always known here."""


def presign(destination: Destination, options: UploadOptions, expires: timedelta | float) -> PresignedUrl:
    """The URL of an object, which `expires` after that time (seconds, if it is a number).

    Of the server nothing is asked but, of Amazon's, where the bucket is. Raises UsageError for a time that is
    not between a second and 7 days or a name that cannot stand in a URL as it is, UploadError without
    credentials.
    """
    s3, key = options.s3, destination.path.removeprefix("/")
    place = S3Place(
        destination.label, destination.authority, destination.authority, options.stall_seconds, s3
    )
    try:
        client = client_for(options)
        try:
            if is_amazon(client.meta.endpoint_url):
                regional = _regional(s3, client, destination.authority)
                client.close()
                client = client_for(replace(options, s3=regional))
            url = presigned_url(client, destination.authority, key, expires)
            temporary, until = _credentials(client)
        finally:
            client.close()
    except SparkMesosError:
        raise
    except Exception as error:
        failure = s3_failure(error, place)
        raise failure.error if isinstance(failure, TransientFailureError) else failure from error
    ends = datetime.now(timezone.utc) + timedelta(seconds=_seconds(expires))
    shortened = until is not None and until < ends
    return PresignedUrl(url, until if until is not None and shortened else ends, shortened, temporary)


def presigned_url(client: Any, bucket: str, key: str, expires: timedelta | float) -> str:
    """A URL for GET, signed by version 4, whose text after the last slash is the object's name.

    `expires` is how long it holds (seconds, if it is a number). Raises UsageError for a time that is not
    between a second and 7 days, and for names that differ in a URL so that Spark would not find its folder;
    and what botocore raises.
    """
    seconds = _seconds(expires)
    name = key.rpartition("/")[2]
    written = quote(name, safe="")
    if written.partition(".")[0] != name.partition(".")[0] or len(written.encode()) > _MAX_NAME:
        raise UsageError(
            f"no presigned URL can end in the name '{name}'",
            hint="Give the archive a name of letters, digits, dots, hyphens and underscores.",
        )
    url = str(
        client.generate_presigned_url(
            "get_object",
            Params={"Bucket": bucket, "Key": key, "ResponseContentDisposition": _disposition(name)},
            ExpiresIn=seconds,
        )
    )
    base, _, query = url.partition("?")
    parameters = query.split("&")
    last = [parameter for parameter in parameters if parameter.startswith(f"{_LAST}=")]
    others = [parameter for parameter in parameters if parameter not in last]
    if len(last) != 1 or not any(parameter.startswith("X-Amz-Signature=") for parameter in others):
        raise UploadError(
            f"the URL that was signed for {urlsplit(url).netloc} is of another form than expected",
            hint="Check that no AWS file sets another signature version.",
        )
    return f"{base}?{'&'.join(others)}&{_LAST}={quote(_disposition(''), safe='/')}{written}"


def _disposition(name: str) -> str:
    # Who saves by this header drops folders (RFC 6266, 4.3).
    return f"attachment;filename=/{name}"


def _seconds(expires: timedelta | float) -> int:
    seconds = expires.total_seconds() if isinstance(expires, timedelta) else expires
    if not 1 <= seconds <= MAX_SECONDS:
        raise UsageError(
            f"a presigned URL cannot hold for {seconds:g} s",
            hint="S3 takes a second to 7 days; what agents fetch for longer has to be readable without.",
        )
    return math.floor(seconds)


def _regional(options: S3Options, client: Any, bucket: str) -> S3Options:
    """The options with which a URL names the very server that has the bucket.

    Left to itself, botocore signs for the host without a region, which answers with a redirection for a while
    after a bucket was made. A signature is for one host, so nobody can follow.
    """
    from botocore.exceptions import ClientError

    try:
        answer = client.head_bucket(Bucket=bucket)
    except ClientError as error:
        answer = error.response  # it is told even to those who may not see the bucket
    headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
    region = headers.get("x-amz-bucket-region", client.meta.region_name)
    # A wildcard certificate is for one more label only.
    in_path = "." in bucket if options.path_style is None else options.path_style
    return replace(options, region=region, path_style=in_path)


def _credentials(client: Any) -> tuple[bool, datetime | None]:
    """Whether a client's credentials are temporary, and when they end, if that is known."""
    credentials = client._request_signer._credentials
    if credentials is None:
        return False, None
    frozen = credentials.get_frozen_credentials()
    until = getattr(credentials, "_expiry_time", None)
    return bool(frozen.token), until.astimezone(timezone.utc) if isinstance(until, datetime) else None
