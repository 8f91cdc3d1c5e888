"""Cluster mode: the protocol that dispatchers speak, and a client for it."""
