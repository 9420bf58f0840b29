"""What a browser is asked beyond the five journeys of `make test`: `make shots` runs all of it."""
