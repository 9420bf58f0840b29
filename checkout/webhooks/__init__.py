"""Events by HTTP, as Standard Webhooks has it (standardwebhooks.com): who hears of what, and how it gets there."""
