"""What must be true, proven against the live database; and what waits for a person."""
