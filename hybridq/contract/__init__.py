"""The types that backends, circuits and loops agree on."""
