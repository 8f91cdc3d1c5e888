"""How others run what sparkmesos starts: apps of Marathon, and units of systemd."""
