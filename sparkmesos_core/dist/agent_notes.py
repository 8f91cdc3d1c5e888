"""What agents need to fetch an archive from its URI. No I/O.

What Mesos' fetcher does by itself and what it leaves to a Hadoop client, how its cache works, and that it
sends no credentials: docs/fetcher.md, docs/configuration/agent.md (--hadoop_home) and
src/slave/containerizer/fetcher.cpp of Mesos.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote, urlsplit

_S3 = ("s3", "s3a", "s3n")


@dataclass(frozen=True)
class Circumstances:
    """How the archive got to its URI."""

    uri: str
    """What agents fetch; a presigned URL if there is one."""
    with_credentials: bool = False
    """Whether the upload needed a password or a token."""
    own_authority: bool = False
    """Whether the server's certificate is from an authority that had to be named."""
    replaces: bool = False
    """Whether another file may have had this URI before."""
    presigned_until: datetime | None = None
    """When a presigned URL ends, in UTC; None if it is none."""
    ends_sooner: bool = False
    """Whether that is sooner than was asked for, because the credentials end then."""
    temporary: bool = False
    """Whether it was signed with credentials that end, nobody here knows when."""
    s3_endpoint: str | None = None
    """Where S3 is, if it is not Amazon's."""
    readable_by_all: bool = False
    """Whether everybody may read the object in S3."""

    @property
    def scheme(self) -> str:
        """The scheme, in lower case."""
        return urlsplit(self.uri).scheme.lower()


def agent_notes(given: Circumstances) -> tuple[str, ...]:
    """What the user has to know or do, so that agents can fetch it: a few sentences each."""
    notes = [_how_it_is_fetched(given)]
    if given.ends_sooner:
        notes.append("That is sooner than was asked for: the credentials that signed it end then.")
    elif given.temporary:
        notes.append("It was signed with temporary credentials, and ends with them if that is sooner.")
    if (host := _loopback_host(given.uri)) is not None:
        notes.append(f"{host} is, for every agent, the agent itself: this URI is only good on this machine.")
    notes.append(_what_the_cache_is_for(given))
    if given.replaces and is_cacheable(given):
        notes.append(
            "Agents that have fetched another archive from this URI, and cached it, never ask for it again "
            "until they are restarted; a new name avoids that."
        )
    return tuple(notes)


def is_cacheable(given: Circumstances) -> bool:
    """Whether agents can keep it in their fetcher's cache, for which they have to ask for its size.

    That is a HEAD request, and a URL that is signed for GET refuses it; then the cache is passed by.
    """
    return given.presigned_until is None


def public_url(uri: str, endpoint_url: str | None) -> str | None:
    """The URL by which everybody can fetch an object that everybody may read; None if `uri` is not in S3."""
    parts = urlsplit(uri)
    if parts.scheme.lower() not in _S3:
        return None
    if endpoint_url:
        return f"{endpoint_url.rstrip('/')}/{parts.netloc}{parts.path}"
    # Amazon's certificate is for names with one more label, which a bucket with a dot is not.
    if "." in parts.netloc:
        return f"https://s3.amazonaws.com/{parts.netloc}{parts.path}"
    return f"https://{parts.netloc}.s3.amazonaws.com{parts.path}"


def _how_it_is_fetched(given: Circumstances) -> str:
    parts = urlsplit(given.uri)
    if given.presigned_until is not None:
        return (
            "Agents fetch it by themselves, without credentials; so can everybody else who gets to know this "
            f"URL, until {given.presigned_until:%Y-%m-%d %H:%M} UTC. Executors that start later find "
            "nothing: make a new URL before."
        )
    if given.scheme == "file":
        return (
            f"Agents read {unquote(parts.path)} from their own file systems: mount the same folder at the "
            "same path on each of them."
        )
    if given.scheme in ("http", "https"):
        said = f"Agents fetch it by themselves; each has to reach {parts.netloc}."
        if given.own_authority:
            said += " The certificate's authority has to be among those that each agent's system trusts."
        if given.with_credentials:
            said += " They send no credentials: anybody who can reach it must be allowed to read."
        return said
    client = (
        f"Agents need a Hadoop client for {given.scheme}:// URIs: `hadoop` in their PATH, or below what "
        "HADOOP_HOME or their flag --hadoop_home names"
    )
    if given.scheme in _S3:
        instead = "--presign 7d makes a URL that agents fetch without one"
        if given.readable_by_all:
            url = public_url(given.uri, given.s3_endpoint)
            instead = f"Everybody may read this object, so without one use {url}"
        only = "" if given.scheme == "s3a" else f" (today's Hadoop knows s3a:// alone, not {given.scheme}://)"
        return f"{client}, with hadoop-aws and credentials{only}. {instead}."
    return (
        f"{client}, whose configuration knows {parts.netloc or 'this file system'}. Without one, upload "
        "to an http:// or https:// destination, from which agents fetch by themselves."
    )


def _what_the_cache_is_for(given: Circumstances) -> str:
    # Without the cache, the archive stays in the sandbox beside its folder, and both match Spark's
    # `cd BASE*`, which only dash can live with.
    if is_cacheable(given):
        return "Turn on spark.mesos.fetcherCache.enable, so that each agent fetches it once."
    return "Agents whose /bin/sh is bash need another URI: there no executor starts from a signed URL."


def _loopback_host(uri: str) -> str | None:
    host = urlsplit(uri).hostname
    return host if host == "localhost" or (host or "").startswith("127.") or host == "::1" else None
