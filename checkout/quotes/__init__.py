"""What an order would cost now, and what would refuse it."""
