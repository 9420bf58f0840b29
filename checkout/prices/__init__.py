"""What goods and freight cost: the shop's flat freight, its rules by region and weight, its own function."""
