"""Measurements as ratios: ours against a naive twin in the same run, or against a stated limit."""
