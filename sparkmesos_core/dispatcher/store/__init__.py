"""Where drivers are kept, so that a dispatcher that dies forgets none."""
