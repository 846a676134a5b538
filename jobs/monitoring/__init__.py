"""How the store is doing, and who is told."""
