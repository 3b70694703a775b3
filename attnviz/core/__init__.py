"""Attention from scratch, and the section's worked example. Knows arrays, nothing else."""
