"""Circuit families on qubits, as Qiskit circuits."""
