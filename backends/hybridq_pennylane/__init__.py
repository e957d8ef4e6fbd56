"""PennyLane devices as a hybridq backend."""
