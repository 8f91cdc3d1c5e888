"""The embedded Mesos: one master and its agents on this machine's loopback."""
