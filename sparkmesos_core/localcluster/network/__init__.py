"""Networks of their own for an embedded cluster's agents, which on one machine would share one."""
