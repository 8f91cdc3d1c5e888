"""A framework whose state outlives its process: what it keeps, who leads, and what Mesos is told."""
