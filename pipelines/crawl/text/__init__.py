"""Inputs that hold text already: Parquet, JSON lines and datasets of the Hub."""
