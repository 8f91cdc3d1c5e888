"""Spark's own programs: where they are and the commands that start them."""
