"""Whether Spark can run on a cluster, and what keeps it from it: named checks, and the probe."""
