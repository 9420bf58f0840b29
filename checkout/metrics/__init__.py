"""What a process counts, and where Prometheus asks for it."""
