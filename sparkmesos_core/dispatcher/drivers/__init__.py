"""What a dispatcher knows of its drivers, and what it decides. Pure: no I/O, no clock, no threads."""
