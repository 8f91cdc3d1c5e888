"""The shuffle service as a framework of its own: one task on each agent."""
