"""How the values of properties are written, and what they mean."""
