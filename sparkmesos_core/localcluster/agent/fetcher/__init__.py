"""The fetcher: fills a task's sandbox with the files of its command's URIs, as Mesos' own does."""

from sparkmesos_core.localcluster.agent.fetcher.cache import DEFAULT_CACHE_BYTES, FetcherCache
from sparkmesos_core.localcluster.agent.fetcher.errors import FetchCancelled, FetchError, InvalidUriError
from sparkmesos_core.localcluster.agent.fetcher.fetch import FetcherOptions, fetch_all

__all__ = [
    "DEFAULT_CACHE_BYTES",
    "FetchCancelled",
    "FetchError",
    "FetcherCache",
    "FetcherOptions",
    "InvalidUriError",
    "fetch_all",
]
