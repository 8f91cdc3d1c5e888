"""Uploads by PUT, with WebDAV where the server has it."""
