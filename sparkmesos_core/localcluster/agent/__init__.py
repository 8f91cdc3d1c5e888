"""The embedded agent: executors and their containers, checkpoints, the fetcher and the HTTP servers."""
