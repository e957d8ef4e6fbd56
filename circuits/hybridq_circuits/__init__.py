"""Circuit families of hybridq."""
