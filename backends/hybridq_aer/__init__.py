"""Qiskit Aer as a backend: state vectors, density matrices with noise, matrix product states."""
