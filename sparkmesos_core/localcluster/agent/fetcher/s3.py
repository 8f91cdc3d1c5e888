"""Objects of S3 and its like, for machines without a Hadoop client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from sparkmesos_core.localcluster.agent.fetcher.content import PIECE_BYTES, Content
from sparkmesos_core.localcluster.agent.fetcher.errors import FetchError
from sparkmesos_core.localcluster.agent.fetcher.network_failures import network_failure
from sparkmesos_core.localcluster.agent.fetcher.uris import authority_and_path
from sparkmesos_core.storage.s3_client import new_s3_client

SCHEMES = ("s3", "s3a", "s3n")


@contextmanager
def open_s3(location: str, endpoint: str | None, stall_seconds: float) -> Iterator[Content]:
    """The object that an s3, s3a or s3n URI names. Raises FetchError if it cannot be had."""
    bucket, key = bucket_and_key(location)
    with _talking(bucket, stall_seconds):
        answer = new_s3_client(endpoint, stall_seconds).get_object(Bucket=bucket, Key=key)
        with closing(answer["Body"]) as body:
            yield Content(body.iter_chunks(PIECE_BYTES), answer["ContentLength"])


def s3_size(location: str, endpoint: str | None, stall_seconds: float) -> int:
    """How many bytes the object has. Raises FetchError if that cannot be asked for."""
    bucket, key = bucket_and_key(location)
    with _talking(bucket, stall_seconds):
        answer = new_s3_client(endpoint, stall_seconds).head_object(Bucket=bucket, Key=key)
        return int(answer["ContentLength"])


def bucket_and_key(location: str) -> tuple[str, str]:
    """The parts of an s3 URI; the key is taken as it is written. Raises FetchError if one is missing."""
    bucket, path = authority_and_path(location)
    if "@" in bucket:
        raise FetchError("S3 takes no credentials in a URI: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not bucket or not path.lstrip("/"):
        raise FetchError("an S3 URI is written s3://BUCKET/KEY")
    return bucket, path.removeprefix("/")


@contextmanager
def _talking(bucket: str, stall_seconds: float) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise FetchError(
            "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        ) from None
    except ClientError as error:
        said = error.response.get("Error", {})
        what = ": ".join(said[key] for key in ("Code", "Message") if said.get(key))
        raise FetchError(f"S3 refuses (bucket '{bucket}'): {what}") from None
    except (BotoCoreError, OSError) as error:
        raise FetchError(f"S3: {network_failure(error, bucket, stall_seconds)}") from None
    except ValueError as error:
        raise FetchError(f"S3 cannot be asked: {error}") from None  # an endpoint that is no URL, for one
