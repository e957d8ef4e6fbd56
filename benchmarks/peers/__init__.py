"""One worker for each peer; each runs in an environment of its own and imports only that peer and NumPy."""
