"""A small shop page in front of the service, so that a person can buy something in a browser."""
