"""The books as the shop's accountant takes them: lines, payments and refunds of some days, with their sums."""
