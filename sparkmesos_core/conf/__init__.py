"""Spark configuration: files and precedence."""
