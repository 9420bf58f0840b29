"""What many tests share: factories, clients, processes and their ports, keys and databases."""
