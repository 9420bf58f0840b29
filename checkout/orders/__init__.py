"""An order's way from accepted to closed: the door, placing, the cart, and every change under its lock."""
