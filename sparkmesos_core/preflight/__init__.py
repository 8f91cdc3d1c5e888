"""What would make an application hang or fail on this cluster, found before its driver starts."""
