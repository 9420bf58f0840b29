"""Other people's programs read the OpenAPI document: linters, and generators of clients.

They are had from npm and PyPI into the directory that CHECKOUT_TEST_CLIENTS names, and kept there; without it these
tests are skipped, since fetching and starting them takes minutes.
"""
