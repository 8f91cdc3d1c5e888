"""Changes to a user's configuration files which keep what is there."""
