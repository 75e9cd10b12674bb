"""A run's dataset on the Hub: complete, or not there at all (docs/publish.md)."""
