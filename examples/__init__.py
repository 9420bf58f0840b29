"""Functions of prices as a shop may write them; docs/prices.md tells of them."""
