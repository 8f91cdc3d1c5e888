"""Talking to Mesos: operator HTTP API, leader detection, resources, attributes."""
