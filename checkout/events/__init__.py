"""What happened: the log of events, and its way to those who listen."""
