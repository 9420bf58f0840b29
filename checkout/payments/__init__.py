"""Money: attempts to collect it, what Alipay says of them, and what goes back."""
