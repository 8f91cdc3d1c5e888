"""Uploads into buckets of S3 and its like."""
