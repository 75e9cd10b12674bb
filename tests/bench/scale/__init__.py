"""Deduplication of synthetic signatures at several sizes, beside datatrove's: `make bench-dedup`.

Signatures are made from a seed, so nothing is fetched. Sizes run one after another, each step
in a process of its own, and what a size has written is removed before the next one.
"""
