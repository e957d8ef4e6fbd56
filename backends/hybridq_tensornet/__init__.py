"""Tensor networks for hybridq: one contraction plan for CPU and GPU, gradients in one sweep, slices over ranks."""
