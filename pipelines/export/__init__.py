"""A run's dataset in the formats of those who train on it."""
