"""Spark's external shuffle service for Mesos: on this machine, and on all agents."""
