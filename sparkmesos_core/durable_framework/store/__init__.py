"""Where records are kept, so that a framework whose process dies forgets none."""
