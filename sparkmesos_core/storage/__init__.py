"""How S3 and HDFS are reached: what the agents' fetcher and uploads have in common."""
