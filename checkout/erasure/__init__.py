"""Nobody knows any more for whom an order was: by its user's wish, or by its age. Books and proofs stay whole."""
