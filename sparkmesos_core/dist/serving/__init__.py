"""A small read-only HTTP server for archives, for labs and the quickstart."""
