"""One story per order: its place in a trace, from the request to the last event, and spans where somebody collects."""
