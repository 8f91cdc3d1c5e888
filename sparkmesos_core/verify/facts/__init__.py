"""What is known about a cluster and this machine, each thing read at most once for all checks."""
