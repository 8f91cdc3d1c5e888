"""The embedded master: a state machine, its HTTP servers and its page."""
