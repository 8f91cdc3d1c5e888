"""The probe: small tasks on the agents, which try what executors will have to do there."""
