"""The registry: every property that matters to Spark on Mesos."""
