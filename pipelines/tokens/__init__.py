"""Token shards and packed rows of a dataset: docs/tokens.md says what is in them."""
