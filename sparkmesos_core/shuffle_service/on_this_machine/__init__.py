"""Spark's own shuffle service for Mesos as a process of this machine."""
