"""Uploads into HDFS over WebHDFS."""
