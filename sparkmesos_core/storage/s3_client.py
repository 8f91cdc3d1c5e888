"""Clients of S3 and of what speaks its protocol: rclone, MinIO, Ceph and others."""

from __future__ import annotations

import functools
import os
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sparkmesos_core.loopback import is_loopback


def new_s3_client(
    endpoint: str | None,
    stall_seconds: float,
    *,
    path_style: bool | None = None,
    profile: str | None = None,
    region: str | None = None,
    ca_file: Path | None = None,
    attempts: int = 2,
    connections: int = 10,
) -> Any:
    """A boto3 client; what is not given comes from where boto3 looks: AWS_* variables and the AWS files.

    `path_style` says whether the bucket is in the path or in the host name; None leaves that to the profile,
    and else to the endpoint. A server may be silent for `stall_seconds`; each call is tried `attempts` times,
    and as many `connections` may be open. The client may be used by several threads. Raises ValueError for
    an endpoint that is no URL, and the exceptions of botocore.
    """
    settings = frozenset(item for item in os.environ.items() if item[0].startswith(("AWS_", "BOTO_", "HOME")))
    session = _session(profile or None, region or None, settings)
    given = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None

    def client(addressing: str | None) -> Any:
        return session.client(
            "s3",
            endpoint_url=given,
            verify=str(ca_file) if ca_file is not None else None,
            config=_configuration(given, addressing, stall_seconds, attempts, connections),
        )

    if path_style is not None:
        return client("path" if path_style else "virtual")
    if given is not None:
        # Servers other than Amazon's seldom have a host name for each bucket.
        return client(_configured_addressing(session) or ("path" if not is_amazon(given) else None))
    made = client(None)
    # The AWS files can name an endpoint, too, for this service or for all.
    if not is_amazon(made.meta.endpoint_url) and _configured_addressing(session) is None:
        given = made.meta.endpoint_url
        made.close()
        made = client("path")
    return made


@functools.lru_cache(maxsize=4)
def _session(profile: str | None, region: str | None, settings: AbstractSet[tuple[str, str]]) -> Any:
    """What clients of the same settings share: what describes S3 takes a tenth of a second to load, and
    credentials may have to be asked for."""
    import boto3

    return boto3.session.Session(profile_name=profile, region_name=region)


def _configuration(
    endpoint: str | None, addressing: str | None, stall_seconds: float, attempts: int, connections: int
) -> Any:
    from botocore.config import Config

    own = endpoint is not None and not is_amazon(endpoint)
    s3: dict[str, Any] = {} if addressing is None else {"addressing_style": addressing}
    if own:
        # Without TLS botocore would compute the SHA-256 of each body for its signature. What is large goes
        # with its MD5, which is signed.
        s3["payload_signing_enabled"] = False
    return Config(
        signature_version="s3v4",
        # A socket's time-out for sending is that for connecting.
        connect_timeout=stall_seconds,
        read_timeout=stall_seconds,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=connections,
        # A proxy knows nothing of this machine's loopback.
        proxies={} if endpoint is not None and is_loopback(urlsplit(endpoint).hostname or "") else None,
        # The checksums that newer clients send on their own are unknown to many servers, which then refuse.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3=s3,
    )


def _configured_addressing(session: Any) -> str | None:
    """What the profile says of the addressing style."""
    found = session._session.get_scoped_config().get("s3")
    return found.get("addressing_style") if isinstance(found, dict) else None


def is_amazon(endpoint: str) -> bool:
    """Whether an endpoint is one of Amazon's own."""
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))
