"""hybridq beside its peers, one command each."""
