"""What tasks that run Spark have in common: where it is on agents, URIs, containers, secrets."""
