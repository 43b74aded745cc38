"""Kernels: the real one and an executing fake, behind one protocol."""
