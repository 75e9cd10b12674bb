"""Classifiers: where their models come from, what they are, and how they are trained."""
