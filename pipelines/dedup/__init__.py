"""Repeats of all kinds: keys, runs, edges, forests, clusters, survivors (`docs/dedup.md`)."""
