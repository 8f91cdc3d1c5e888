"""Putting a file where agents can fetch it: over HTTP, into S3 and HDFS, onto a shared file system."""
